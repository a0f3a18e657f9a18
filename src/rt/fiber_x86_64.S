/*
 * rt_fiber_swap(void **save_sp, void *load_sp): System V x86-64.
 * Saved on the stack, from its top: return address, rbp, rbx, r12 to r15, and one word that holds the x87
 * control word (2 bytes) and mxcsr (at 4): all that a call must preserve.
 */
    .text
    .globl  rt_fiber_swap
    .hidden rt_fiber_swap
    .type   rt_fiber_swap, @function
    .p2align 4
rt_fiber_swap:
    .cfi_startproc
    endbr64
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $8, %rsp
    fnstcw  (%rsp)
    stmxcsr 4(%rsp)
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    fldcw   (%rsp)
    ldmxcsr 4(%rsp)
    addq    $8, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .cfi_endproc
    .size   rt_fiber_swap, .-rt_fiber_swap

/* A new stack "returns" here: r12 holds the fiber, r13 the function. No caller: backtraces end. */
    .globl  rt_fiber_entry
    .hidden rt_fiber_entry
    .type   rt_fiber_entry, @function
    .p2align 4
rt_fiber_entry:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq    %r12, %rdi
    xorl    %ebp, %ebp
    call    *%r13
    ud2
    .cfi_endproc
    .size   rt_fiber_entry, .-rt_fiber_entry

    .section .note.GNU-stack, "", @progbits
