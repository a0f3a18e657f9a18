/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Buckets and objects in the manner of S3: a bucket is a POSIX container, a key a path in it.
 * Functions return 0 or a NEGATIVE errno value. What callers store about users, buckets and objects
 * (`encoded`) is opaque to the library.
 */
#ifndef TARN_DAOS_S3_H
#define TARN_DAOS_S3_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <daos_types.h>
#include <daos_fs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DS3_MAX_BUCKET_NAME 128
#define DS3_MAX_KEY         0xff8
#define DS3_MAX_KEY_BUFF    0x1000
#define DS3_MAX_USER_NAME   255
#define DS3_MAX_UPLOAD_ID   35
#define DS3_MAX_ENCODED_LEN 0x10000
#define DS3_LATEST_INSTANCE "latest"

/** A connection to a pool; an open bucket, object and part of an upload. */
typedef struct ds3 ds3_t;
typedef struct ds3_bucket ds3_bucket_t;
typedef struct ds3_obj ds3_obj_t;
typedef struct ds3_part ds3_part_t;

/** A user: name, e-mail address, access keys. */
struct ds3_user_info {
    const char *name;
    const char *email;
    const char **access_ids;
    const size_t access_ids_nr;
    void *encoded;
    size_t encoded_length;
};

/** A bucket. */
struct ds3_bucket_info {
    char name[DS3_MAX_BUCKET_NAME];
    void *encoded;
    size_t encoded_length;
};

/** An object. */
struct ds3_object_info {
    char key[DS3_MAX_KEY_BUFF];
    void *encoded;
    size_t encoded_length;
};

/** A prefix that several keys share up to the delimiter. */
struct ds3_common_prefix_info {
    char prefix[DS3_MAX_KEY_BUFF];
};

/** An upload in parts. */
struct ds3_multipart_upload_info {
    char upload_id[DS3_MAX_UPLOAD_ID];
    char key[DS3_MAX_KEY_BUFF];
    void *encoded;
    size_t encoded_length;
};

/** A part of an upload. */
struct ds3_multipart_part_info {
    uint64_t part_num;
    void *encoded;
    size_t encoded_length;
};

/** As dfs_init(). */
int ds3_init(void);

/** As dfs_fini(). */
int ds3_fini(void);

/** Connect to a pool and open its bucket of metadata, which is created when missing. */
int ds3_connect(const char *pool, const char *sys, ds3_t **ds3, daos_event_t *ev);

/** Disconnect. */
int ds3_disconnect(ds3_t *ds3, daos_event_t *ev);

/**
 * Create or change a user. @a old_info: what is replaced, or NULL.
 * Errors: -EINVAL, -EEXIST.
 */
int ds3_user_set(const char *name, struct ds3_user_info *info, struct ds3_user_info *old_info,
                 ds3_t *ds3, daos_event_t *ev);

/**
 * Remove a user.
 * Errors: -ENOENT.
 */
int ds3_user_remove(const char *name, struct ds3_user_info *info, ds3_t *ds3, daos_event_t *ev);

/**
 * Find a user by name.
 * Errors: -ENOENT.
 */
int ds3_user_get(const char *name, struct ds3_user_info *info, ds3_t *ds3, daos_event_t *ev);

/**
 * Find a user by e-mail address.
 * Errors: -ENOENT.
 */
int ds3_user_get_by_email(const char *email, struct ds3_user_info *info, ds3_t *ds3,
                          daos_event_t *ev);

/**
 * Find a user by access key.
 * Errors: -ENOENT.
 */
int ds3_user_get_by_key(const char *key, struct ds3_user_info *info, ds3_t *ds3, daos_event_t *ev);

/**
 * List buckets after @a marker. *nbuck in: slots, out: found.
 * Errors: -EINVAL, -ERANGE.
 */
int ds3_bucket_list(daos_size_t *nbuck, struct ds3_bucket_info *buf, char *marker,
                    bool *is_truncated, ds3_t *ds3, daos_event_t *ev);

/**
 * Create a bucket.
 * Errors: -EEXIST.
 */
int ds3_bucket_create(const char *name, struct ds3_bucket_info *info, dfs_attr_t *attr, ds3_t *ds3,
                      daos_event_t *ev);

/**
 * Destroy a bucket; @a force also when objects are in it.
 * Errors: -ENOENT, -EBUSY.
 */
int ds3_bucket_destroy(const char *name, bool force, ds3_t *ds3, daos_event_t *ev);

/**
 * Open a bucket.
 * Errors: -ENOENT.
 */
int ds3_bucket_open(const char *name, ds3_bucket_t **ds3b, ds3_t *ds3, daos_event_t *ev);

/**
 * Close a bucket.
 * Errors: -EINVAL.
 */
int ds3_bucket_close(ds3_bucket_t *ds3b, daos_event_t *ev);

/**
 * Read what is stored about a bucket.
 * Errors: -EINVAL.
 */
int ds3_bucket_get_info(struct ds3_bucket_info *info, ds3_bucket_t *ds3b, daos_event_t *ev);

/**
 * Store what is known about a bucket.
 * Errors: -EINVAL.
 */
int ds3_bucket_set_info(struct ds3_bucket_info *info, ds3_bucket_t *ds3b, daos_event_t *ev);

/**
 * List keys after @a marker that begin with @a prefix, those that share a prefix up to @a delim
 * being told once (@a cps). *nobj and *ncp in: slots, out: found.
 * Errors: -EINVAL, -ENOENT.
 */
int ds3_bucket_list_obj(uint32_t *nobj, struct ds3_object_info *objs, uint32_t *ncp,
                        struct ds3_common_prefix_info *cps, const char *prefix, const char *delim,
                        char *marker, bool list_versions, bool *is_truncated, ds3_bucket_t *ds3b);

/**
 * Create an object; slashes in the key become directories.
 * Errors: -EINVAL, -EEXIST.
 */
int ds3_obj_create(const char *key, ds3_obj_t **ds3o, ds3_bucket_t *ds3b);

/**
 * Open an object.
 * Errors: -ENOENT.
 */
int ds3_obj_open(const char *key, ds3_obj_t **ds3o, ds3_bucket_t *ds3b);

/**
 * Close an object.
 * Errors: -EINVAL.
 */
int ds3_obj_close(ds3_obj_t *ds3o);

/**
 * Read what is stored about an object.
 * Errors: -EINVAL.
 */
int ds3_obj_get_info(struct ds3_object_info *info, ds3_bucket_t *ds3b, ds3_obj_t *ds3o);

/**
 * Store what is known about an object.
 * Errors: -EINVAL.
 */
int ds3_obj_set_info(struct ds3_object_info *info, ds3_bucket_t *ds3b, ds3_obj_t *ds3o);

/** Read from byte @a off; *size in: bytes at @a buf, out: read. */
int ds3_obj_read(void *buf, daos_off_t off, daos_size_t *size, ds3_bucket_t *ds3b, ds3_obj_t *ds3o,
                 daos_event_t *ev);

/**
 * Remove an object.
 * Errors: -ENOENT.
 */
int ds3_obj_destroy(const char *key, ds3_bucket_t *ds3b);

/** Write at byte @a off; *size in: bytes at @a buf, out: written. */
int ds3_obj_write(void *buf, daos_off_t off, daos_size_t *size, ds3_bucket_t *ds3b, ds3_obj_t *ds3o,
                  daos_event_t *ev);

/** Make this version the latest one of its key. */
int ds3_obj_mark_latest(const char *key, ds3_bucket_t *ds3b);

/** List uploads that are under way, as ds3_bucket_list_obj(). */
int ds3_bucket_list_multipart(const char *bucket_name, uint32_t *nmp,
                              struct ds3_multipart_upload_info *mps, uint32_t *ncp,
                              struct ds3_common_prefix_info *cps, const char *prefix,
                              const char *delim, char *marker, bool *is_truncated, ds3_t *ds3);

/** List parts of an upload after @a marker. */
int ds3_upload_list_parts(const char *bucket_name, const char *upload_id, uint32_t *npart,
                          struct ds3_multipart_part_info *parts, uint32_t *marker,
                          bool *is_truncated, ds3_t *ds3);

/** Start an upload in parts. */
int ds3_upload_init(struct ds3_multipart_upload_info *info, const char *bucket_name, ds3_t *ds3);

/** Give up an upload and remove its parts. */
int ds3_upload_remove(const char *bucket_name, const char *upload_id, ds3_t *ds3);

/** Read what is stored about an upload. */
int ds3_upload_get_info(struct ds3_multipart_upload_info *info, const char *bucket_name,
                        const char *upload_id, ds3_t *ds3);

/** Open a part, creating it when missing; @a truncate empties it. */
int ds3_part_open(const char *bucket_name, const char *upload_id, uint64_t part_num, bool truncate,
                  ds3_part_t **ds3p, ds3_t *ds3);

/** Close a part. */
int ds3_part_close(ds3_part_t *ds3p);

/** Write at byte @a off; *size in: bytes at @a buf, out: written. */
int ds3_part_write(void *buf, daos_off_t off, daos_size_t *size, ds3_part_t *ds3p, ds3_t *ds3,
                   daos_event_t *ev);

/** Read from byte @a off; *size in: bytes at @a buf, out: read. */
int ds3_part_read(void *buf, daos_off_t off, daos_size_t *size, ds3_part_t *ds3p, ds3_t *ds3,
                  daos_event_t *ev);

/** Store what is known about a part. */
int ds3_part_set_info(struct ds3_multipart_part_info *info, ds3_part_t *ds3p, ds3_t *ds3,
                      daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_S3_H */
