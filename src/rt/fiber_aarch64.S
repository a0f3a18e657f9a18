/*
 * rt_fiber_swap(void **save_sp, void *load_sp): AAPCS64.
 * Saved on the stack, from its bottom: x19 to x28, x29, x30, d8 to d15, fpcr and a pad: all that a call must
 * preserve.
 */
    .text
    .globl  rt_fiber_swap
    .hidden rt_fiber_swap
    .type   rt_fiber_swap, %function
    .p2align 4
rt_fiber_swap:
    .cfi_startproc
    sub     sp, sp, #176
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     d8,  d9,  [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mrs     x9, fpcr
    str     x9, [sp, #160]
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x1
    ldr     x9, [sp, #160]
    msr     fpcr, x9
    ldp     x19, x20, [sp, #0]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     d8,  d9,  [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #176
    ret
    .cfi_endproc
    .size   rt_fiber_swap, .-rt_fiber_swap

/* A new stack "returns" here: x19 holds the fiber, x20 the function. No caller: backtraces end. */
    .globl  rt_fiber_entry
    .hidden rt_fiber_entry
    .type   rt_fiber_entry, %function
    .p2align 4
rt_fiber_entry:
    .cfi_startproc
    .cfi_undefined x30
    mov     x0, x19
    mov     x29, #0
    mov     x30, #0
    blr     x20
    brk     #1
    .cfi_endproc
    .size   rt_fiber_entry, .-rt_fiber_entry

    .section .note.GNU-stack, "", %progbits
