/*
 * The alphabet of ace.c: calls over four paths, /a /b /a/a /a/b, that a state of the model may or
 * may not allow to be made (a write needs a file).
 */
#ifndef TARN_SIM_ACE_OPS_H
#define TARN_SIM_ACE_OPS_H

#include "spec_dfs.h"

uint32_t ace_letters(void);
/* The call letter i is in this tree, for a node or value of number `fresh`. False: it cannot be
 * made, or (first of a sequence on an empty tree) it is another one with a and b exchanged. */
bool ace_op(const struct spec_tree *t, uint32_t i, uint16_t fresh, struct spec_op *op);
/* The same as a person writes it. */
void ace_name(uint32_t i, char *buf, size_t len);

#endif
