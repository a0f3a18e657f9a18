#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "rt/priv.h"

void futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec ts = {
        .tv_sec = (time_t)(timeout_ns / NS_PER_S),
        .tv_nsec = (long)(timeout_ns % NS_PER_S),
    };

    /* every caller looks at its condition again: interrupted, timed out and changed are all the
     * same */
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns == UINT64_MAX ? NULL : &ts, NULL,
            0);
}

void futex_wake_all(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

void spin_offer(struct spin *s, uint64_t now, uint64_t idle_ns, uint64_t *offer_ns)
{
    sched_yield();
    spin_offered(s, idle_ns, rt_now_ns() - now, offer_ns);
}

void spin_pause(unsigned *tries)
{
    /* whoever is waited for may have been preempted: it needs our core more than we do */
    if (++*tries % 64 == 0)
        sched_yield();
    else
        cpu_relax();
}
