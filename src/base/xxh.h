/* XXH3, for the vector units of this processor where the library offers that. Its state's layout
 * with XXH_STATIC_LINKING_ONLY, as with <xxhash.h>. */
#ifndef TARN_BASE_XXH_H
#define TARN_BASE_XXH_H

#ifdef TARN_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#endif
