/*
 * What it costs to tell updates apart: a build with -Dbare_updates=true does them without session,
 * id, and marks of what was looked at. It is there to be measured beside (bench/tx), and for
 * nothing else: an update that is sent again may happen twice. Such a build makes no programs but
 * the benchmarks, cannot be installed, and opens no pool but for them.
 */
#ifndef TARN_BASE_BARE_H
#define TARN_BASE_BARE_H

#ifdef TARN_BARE_UPDATES
#define BARE_UPDATES 1
#else
#define BARE_UPDATES 0
#endif

/* In the environment: it is a benchmark. */
#define BARE_BENCH "TARN_BARE_BENCH"

#endif
