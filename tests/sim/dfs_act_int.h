/* What the files of dfs_act share. */
#ifndef TARN_SIM_DFS_ACT_INT_H
#define TARN_SIM_DFS_ACT_INT_H

#include "dfs_act.h"

#define DFS_XATTR_MAX 5000u
#define SIZE_STRANGE  0xffu

uint8_t dfs_type_of(mode_t mode);
uint8_t dfs_target_of(const char *text); /* SIZE_STRANGE: none of the model's */
const char *dfs_xattr_name(uint8_t which);
/* Value number val: its bytes in buf (DFS_XATTR_MAX) and their number. */
size_t dfs_xattr_value(uint16_t val, uint8_t *buf);
uint16_t dfs_xattr_number(const uint8_t *buf, size_t len);
void dfs_cell_fill(uint16_t val, uint32_t at, uint8_t *buf);
/* Number of the value these bytes are; SPEC_STRANGE. */
uint16_t dfs_cell_number(uint32_t at, const uint8_t *buf);
/* A size in cells. */
uint8_t dfs_cells_of(uint64_t bytes);
/* Reads a whole file: its size and cells. */
int dfs_read_cells(dfs_t *dfs, dfs_obj_t *obj, uint8_t *size, uint16_t cell[SPEC_CELLS]);
/* Names of a directory, batch (8 at most) at a time: a bit each, bit 7 for anything strange. */
int dfs_read_names(dfs_t *dfs, dfs_obj_t *dir, uint32_t batch, uint8_t *names);
int dfs_read_xattr(dfs_t *dfs, dfs_obj_t *obj, uint8_t which, uint16_t *val);
int dfs_read_xattr_names(dfs_t *dfs, dfs_obj_t *obj, uint8_t *names);
int dfs_read_target(dfs_obj_t *obj, uint8_t *target);

#endif
