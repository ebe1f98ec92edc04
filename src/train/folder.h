/* folder.h - folders that change in one instant.
 *
 * A checkpoint is a folder of files.  The new one is made beside ("last.new"), synced, and exchanged with the old one
 * by renameat2; where a file system cannot exchange, "last" is renamed to "last.old" first, and whoever finds no "last"
 * takes "last.old".  So at every moment one whole folder is there.
 * Layer: train.  Depends on base.  Read next: folder.c, checkpoint.c. */
#ifndef TRAIN_FOLDER_H
#define TRAIN_FOLDER_H

#include <taper/base.h>

#include <limits.h>

/* folder/name into path, which has room for PATH_MAX bytes. */
tp_status folder_path(char *path, const char *folder, const char *name);

bool folder_exists(const char *path); /* a folder is there */
bool file_exists(const char *path);   /* something is there */

tp_status folder_make(const char *path); /* fine if it is there */
void folder_remove(const char *path);    /* with the files in it; no error if that fails */

/* Names in "path": where the new one is made (emptied of what a killed process left); then the exchange.  When it fails
 * the old folder is as it was and the new one is gone. */
tp_status folder_begin(const char *path, char *beside);
tp_status folder_commit(const char *path);
void folder_abandon(const char *path);

/* The whole folder under that name: path itself or path.old; false if there is none. */
bool folder_find(const char *path, char *found);

/* Keeps other processes from training in this folder until unlocked; -1 and an error if one does. */
int folder_lock(const char *path);
void folder_unlock(int lock);

#endif
