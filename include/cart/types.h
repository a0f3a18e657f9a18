/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Programs include this name for the rank types.
 */
#ifndef TARN_CART_TYPES_H
#define TARN_CART_TYPES_H

#include <gurt/types.h>

#endif /* TARN_CART_TYPES_H */
