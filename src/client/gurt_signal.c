/* The stack, printed when a program dies of a signal. */
#include <gurt/common.h>
#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#define FRAMES_MAX 64

static const int fatal[] = {SIGILL, SIGFPE, SIGBUS, SIGSEGV, SIGABRT};

/* The handler is gone already (SA_RESETHAND): raised again, the signal ends the program. */
static void print_stack(int sig)
{
    static const char head[] = "died of a signal; the stack:\n";
    void *frames[FRAMES_MAX];

    if (write(STDERR_FILENO, head, sizeof(head) - 1) > 0)
        backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
    raise(sig);
}

/* Only where nobody else has a handler, or wants none. */
static void handle(int sig, bool on)
{
    struct sigaction now,
        then = {.sa_handler = on ? print_stack : SIG_DFL, .sa_flags = on ? (int)SA_RESETHAND : 0};

    if (sigaction(sig, NULL, &now) != 0)
        return;
    if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == (on ? SIG_DFL : print_stack))
        sigaction(sig, &then, NULL);
}

void d_signal_stack_enable(bool enabled)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(fatal); i++)
        handle(fatal[i], enabled);
}

void d_signal_register(void)
{
    d_signal_stack_enable(true);
}
