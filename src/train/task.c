/* task.c - the table of tasks, and which one a run has.
 *
 * Layer: train.  Depends on task.h, taper/models.h.  Read next: task_classes.c. */
#include "train/task.h"

#include <string.h>

#define TASK(name) extern const task task_##name;
#include "train/tasks.def"
#undef TASK

static const task *const tasks[] = {
#define TASK(name) &task_##name,
#include "train/tasks.def"
#undef TASK
};

const task *task_for(const char *model, int64_t classes, int64_t targets)
{
    const tp_model_info *info = tp_model_find(model);
    const char *name = info && info->task ? info->task
                       : !classes         ? "values"
                       : targets > 1      ? "labels"
                                          : "classes";
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (!strcmp(tasks[i]->name, name))
            return tasks[i];
    return NULL; /* a model's row names no other */
}

const task *task_of(const setup *s)
{
    return task_for(s->config.model, s->classes, s->targets);
}

void task_command(const task *row, int dims, const char **verb, const char **words)
{
    const char *own = dims == 3 ? "PICTURE.png" : dims == 1 ? "TABLE.csv" : NULL;
    *verb = row->verb ? row->verb : own ? "predict" : NULL;
    *words = row->verb ? row->words : own;
}
