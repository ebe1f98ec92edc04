/* test_optim.c - what the golden trajectories do not show: state saved and loaded, groups, errors, ends of schedules,
 * clipping of large and odd gradients, parameters that are not contiguous, memory of a steady step.
 *
 * Layer: tests.  Read next: test_optim_golden.c. */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/optim.h>

static tp_tensor *leaf(tp_tensor *t)
{
    return tp_requires_grad_(t, true);
}

static tp_params *named(const char *name, tp_tensor *t)
{
    tp_params *p = tp_params_new();
    tp_params_add(p, name, t);
    return p;
}

static void assert_no_error(void)
{
    if (tp_error_pending())
        fail_msg("%s", tp_error_message());
}

static void assert_error(tp_status status, const char *part)
{
    char text[1024];
    assert_int_equal(tp_error_pending(), status);
    tp_error_take(text, sizeof text);
    if (!strstr(text, part) || strchr(text, '\n'))
        fail_msg("'%s' was wanted in: %s", part, text);
}

static void assert_same_bits(tp_tensor *a, tp_tensor *b)
{
    TP_SCOPE;
    TP_NO_GRAD;
    a = tp_contiguous(a);
    b = tp_contiguous(b);
    assert_no_error();
    assert_int_equal(tp_dtype_of(a), tp_dtype_of(b));
    assert_int_equal(tp_numel(a), tp_numel(b));
    assert_memory_equal(tp_data(a), tp_data(b), (size_t)tp_numel(a) * tp_dtype_size(tp_dtype_of(a)));
}

/* The k-th gradient: any numbers that differ from step to step. */
static tp_tensor *gradient(const tp_tensor *like, int k)
{
    int64_t n = tp_numel(like);
    tp_tensor *t = tp_sin(tp_mul(tp_arange(0, (double)n, 1), 0.37 + 0.11 * k));
    return tp_to(tp_contiguous(tp_reshape(t, tp_shape_of(like))), tp_dtype_of(like));
}

static void steps(tp_optim *o, tp_params *params, int from, int to)
{
    for (int k = from; k < to; k++) {
        TP_SCOPE;
        for (int i = 0; i < tp_params_count(params); i++)
            tp_set_grad(tp_params_at(params, i), gradient(tp_params_at(params, i), k + i));
        tp_step(o);
    }
    assert_no_error();
}

static tp_params *two(tp_dtype dtype)
{
    tp_params *p = tp_params_new();
    tp_params_add(p, "w", leaf(tp_ones(TP_SHAPE(3, 5), .dtype = dtype)));
    tp_params_add(p, "b", leaf(tp_full(TP_SHAPE(7), 0.5, .dtype = dtype)));
    return p;
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static tp_params *copied(const tp_params *from)
{
    tp_params *p = tp_params_new();
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(from); i++)
        tp_params_add(p, tp_params_name(from, i), tp_clone(tp_params_at(from, i)));
    return p;
}

static const tp_optim_options variants[] = {
    { .lr = 0.05 },
    { .lr = 0.05,
      .momentum = 0.9,
      .dampening = 0.3,
      .amsgrad = true,
      .centered = true,
      .lr_decay = 0.1,
      .initial_accumulator = 0.2,
      .weight_decay = 0.01 },
};

static void loaded_state_gives_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; tp_optim_name_at(i); i++)
        for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
            for (tp_dtype d = TP_F32; d <= TP_F64; d++) {
                TP_SCOPE;
                tp_params *a = two(d);
                tp_optim *one = tp_optim_new(tp_optim_name_at(i), a, &variants[v]);
                steps(one, a, 0, 4);
                tp_params *b = copied(a), *kept = copied(tp_optim_state(one));
                tp_optim *other = tp_optim_new(tp_optim_name_at(i), b, &variants[v]);
                assert_int_equal(tp_optim_load_state(other, kept, tp_optim_steps(one)), TP_OK);
                assert_int_equal(tp_optim_steps(other), 4);
                steps(one, a, 4, 9);
                steps(other, b, 4, 9);
                for (int k = 0; k < 2; k++)
                    assert_same_bits(tp_params_at(a, k), tp_params_at(b, k));
            }
}

static void state_has_pytorchs_names(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = two(TP_F32);
    tp_params *s = tp_optim_state(tp_adam(p, .amsgrad = true));
    const char *const names[] = { "w.step", "w.exp_avg", "w.exp_avg_sq", "w.max_exp_avg_sq",
                                  "b.step", "b.exp_avg", "b.exp_avg_sq", "b.max_exp_avg_sq" };
    assert_int_equal(tp_params_count(s), 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(tp_params_name(s, i), names[i]);
    assert_int_equal(tp_params_count(tp_optim_state(tp_sgd(p, .lr = 1))), 2);
    assert_non_null(tp_params_find(tp_optim_state(tp_sgd(p, .momentum = 0.5)), "b.momentum_buffer"));
    s = tp_optim_state(tp_rmsprop(p, .momentum = 0.5, .centered = true));
    assert_true(tp_params_find(s, "w.square_avg") && tp_params_find(s, "w.grad_avg") &&
                tp_params_find(s, "w.momentum_buffer"));
    s = tp_optim_state(tp_adagrad(p, .initial_accumulator = 0.25));
    assert_true(tp_item(tp_sum(tp_params_find(s, "b.sum"), TP_ALL_DIMS, false)) == 7 * 0.25);
    assert_no_error();
}

static void wrong_state_is_told_whole_and_changes_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = two(TP_F32), *bad = tp_params_new();
    tp_optim *o = tp_optim_new("momentum", p, NULL);
    steps(o, p, 0, 2);
    tp_params *before = copied(tp_optim_state(o));
    tp_params_add(bad, "w.step", tp_to(tp_ones(TP_SHAPE()), TP_I64));
    tp_params_add(bad, "w.momentum_buffer", tp_ones(TP_SHAPE(5, 3)));
    tp_params_add(bad, "b.step", tp_ones(TP_SHAPE()));
    tp_params_add(bad, "c.momentum_buffer", tp_ones(TP_SHAPE(5, 3)));
    assert_int_equal(tp_optim_load_state(o, bad, 3), TP_ERR_ARGUMENT);
    const char *text = tp_error_message();
    assert_true(strstr(text, "'w.momentum_buffer' is f32 (5, 3), wanted f32 (3, 5)") &&
                strstr(text, "'b.step'") && strstr(text, "'b.momentum_buffer' is missing") &&
                strstr(text, "'c.momentum_buffer' is not"));
    assert_error(TP_ERR_ARGUMENT, "momentum: the state does not fit");
    assert_int_equal(tp_optim_steps(o), 2);
    for (int i = 0; i < tp_params_count(before); i++)
        assert_same_bits(tp_params_at(before, i), tp_params_at(tp_optim_state(o), i));
    tp_optim_load_state(o, before, -1);
    assert_error(TP_ERR_ARGUMENT, "steps is -1");
}

/* ---- options, groups, errors ------------------------------------------------------------------------------------- */

static void groups_have_their_own_options(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *a = leaf(tp_ones(TP_SHAPE(2))), *b = leaf(tp_ones(TP_SHAPE(2))),
              *c = leaf(tp_ones(TP_SHAPE(2)));
    tp_optim *o = tp_sgd(named("a", a), .lr = 0.5);
    tp_add_group(o, named("b", b), .lr = 0.25, .weight_decay = 2);
    tp_add_group(o, named("c", c), .lr = TP_ZERO);
    assert_int_equal(tp_n_groups(o), 3);
    assert_true(tp_lr(o, 0) == 0.5 && tp_lr(o, 1) == 0.25 && tp_lr(o, 2) == 0 && isnan(tp_lr(o, 3)));
    tp_set_grad(a, tp_ones(TP_SHAPE(2)));
    tp_set_grad(b, tp_ones(TP_SHAPE(2)));
    tp_set_grad(c, tp_ones(TP_SHAPE(2)));
    tp_step(o);
    assert_no_error();
    assert_true(((float *)tp_data(a))[1] == 0.5f && ((float *)tp_data(b))[1] == 0.25f &&
                ((float *)tp_data(c))[1] == 1);
    tp_set_lr(o, -1, 0.125);
    assert_true(tp_lr(o, 0) == 0.125 && tp_lr(o, 2) == 0.125);
    tp_zero_grad(o);
    assert_true(!tp_grad(a) && !tp_grad(b));
    tp_step(o); /* no gradients: a step that changes nothing */
    assert_int_equal(tp_optim_steps(o), 2);
    assert_true(((float *)tp_data(a))[1] == 0.5f);
    assert_string_equal(tp_optim_name(o), "sgd");
}

static void defaults_are_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = two(TP_F32);
    for (int i = 0; tp_optim_name_at(i); i++) {
        const char *name = tp_optim_name_at(i);
        bool slow = !strcmp(name, "rmsprop") || !strcmp(name, "adagrad");
        assert_true(tp_lr(tp_optim_new(name, p, NULL), 0) == (slow ? 1e-2 : 1e-3));
    }
    assert_non_null(tp_params_find(tp_optim_state(tp_optim_new("momentum", p, NULL)), "w.momentum_buffer"));
    tp_optim_options none = { .struct_size = sizeof none, .momentum = TP_ZERO };
    assert_null(tp_params_find(tp_optim_state(tp_optim_new("momentum", p, &none)), "w.momentum_buffer"));
    assert_no_error();
}

static void wrong_options_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *part;
        tp_optim_options o;
    } rows[] = {
        { "sgd", "sgd: lr is nan", { .lr = NAN } },
        { "adam", "adam: lr is -1", { .lr = -1 } },
        { "adam", "adam: lr is inf", { .lr = INFINITY } },
        { "adam", "beta1 is 1, [0, 1) is wanted", { .beta1 = 1 } },
        { "adamw", "beta2 is -0.5", { .beta2 = -0.5 } },
        { "rmsprop", "eps is -1", { .eps = -1 } },
        { "rmsprop", "alpha is 1.5", { .alpha = 1.5 } },
        { "sgd", "momentum is -0.9", { .momentum = -0.9 } },
        { "sgd", "weight_decay is nan", { .weight_decay = NAN } },
        { "sgd", "nesterov wants a momentum", { .nesterov = true } },
        { "momentum", "nesterov wants dampening 0", { .nesterov = true, .dampening = 0.1 } },
        { "adagrad", "initial_accumulator is -1", { .initial_accumulator = -1 } },
        { "adan", "unknown optimizer 'adan'; did you mean 'adam'? (known: sgd, momentum", { .lr = 0 } },
        { "gradient-descent-of-my-own-making-and-more", "(known: sgd", { .lr = 0 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TP_SCOPE;
        tp_optim_options o = rows[i].o;
        o.struct_size = sizeof o;
        assert_null(tp_optim_new(rows[i].name, two(TP_F32), &o));
        assert_error(TP_ERR_ARGUMENT, rows[i].part);
    }
}

static void wrong_parameters_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *w = leaf(tp_ones(TP_SHAPE(2, 3)));
    tp_optim *o = tp_adam(named("w", w), .lr = 0.1);
    tp_add_group(o, named("again", w), .lr = 0.1);
    assert_error(TP_ERR_ARGUMENT, "'again' is in group 0 already, as 'w'");
    assert_int_equal(tp_n_groups(o), 1);
    tp_add_group(o, named("n", tp_ones(TP_SHAPE(2), .dtype = TP_I64)), .lr = 0.1);
    assert_error(TP_ERR_DTYPE, "parameter 'n' is i64");
    tp_add_group(o, named("y", tp_mul(w, 2)), .lr = 0.1);
    assert_error(TP_ERR_GRAD, "a leaf is wanted");
    tp_set_grad(w, tp_ones(TP_SHAPE(3, 2)));
    assert_error(TP_ERR_SHAPE, "a gradient of shape (3, 2) for a tensor of shape (2, 3)");
    assert_int_equal(tp_optim_steps(o), 0);
    tp_set_lr(o, 0, NAN);
    assert_error(TP_ERR_ARGUMENT, "lr is nan");
    tp_set_lr(o, 1, 1);
    assert_error(TP_ERR_INDEX, "no group 1");
    assert_null(tp_optim_new("sgd", NULL, NULL));
    assert_error(TP_ERR_ARGUMENT, "NULL");
}

/* ---- layouts, threads, memory ------------------------------------------------------------------------------------ */

static void layout_does_not_matter(void **state)
{
    (void)state;
    for (int i = 0; tp_optim_name_at(i); i++) {
        TP_SCOPE;
        tp_tensor *start = tp_to(tp_reshape(tp_arange(0, 12, 1), TP_SHAPE(3, 4)), TP_F32);
        tp_tensor *a = leaf(tp_clone(start)),
                  *b = leaf(tp_transpose(tp_contiguous(tp_transpose(start, 0, 1)), 0, 1));
        assert_false(tp_is_contiguous(b));
        tp_optim *one = tp_optim_new(tp_optim_name_at(i), named("w", a), &variants[1]);
        tp_optim *other = tp_optim_new(tp_optim_name_at(i), named("w", b), &variants[1]);
        for (int k = 0; k < 3; k++) {
            tp_tensor *g = gradient(a, k);
            tp_set_grad(a, g);
            tp_set_grad(b,
                        tp_to(tp_transpose(tp_contiguous(tp_transpose(g, 0, 1)), 0, 1), k ? TP_F32 : TP_F64));
            tp_step(one);
            tp_step(other);
        }
        assert_no_error();
        assert_same_bits(a, b);
    }
}

/* As in PyTorch, whose optimizers take one after the other: whole, a part, a transpose. */
static void parameters_in_the_same_memory_take_turns(void **state)
{
    (void)state;
    enum { SIDE = 60, ROUNDS = 20 };
    for (int k = 0; k < ROUNDS; k++) {
        TP_SCOPE;
        tp_tensor *w = leaf(tp_full(TP_SHAPE(SIDE, SIDE), k)),
                  *part = leaf(tp_narrow(tp_detach(w), 0, 1, 50)),
                  *turned = leaf(tp_transpose(tp_detach(w), 0, 1));
        tp_params *all = named("w", w);
        tp_params_add(all, "part", part);
        tp_params_add(all, "turned", turned);
        tp_optim *o = tp_sgd(all, .lr = 1, .weight_decay = 0.5); /* half of it less the gradient */
        tp_set_grad(w, tp_full(TP_SHAPE(SIDE, SIDE), 1));
        tp_set_grad(part, tp_full(TP_SHAPE(50, SIDE), 2));
        tp_set_grad(turned, tp_full(TP_SHAPE(SIDE, SIDE), 4));
        tp_step(o);
        assert_no_error();
        const float *x = tp_data(w);
        for (int i = 0; i < SIDE * SIDE; i++) {
            float wanted = (float)k / 2 - 1;
            if (i / SIDE >= 1 && i / SIDE < 51)
                wanted = wanted / 2 - 2;
            assert_true(x[i] == wanted / 2 - 4);
        }
    }
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    int threads = tp_num_threads();
    for (int i = 0; tp_optim_name_at(i); i++) {
        TP_SCOPE;
        tp_tensor *w[2];
        double norm[2];
        for (int k = 0; k < 2; k++) {
            tp_set_num_threads(k ? 3 : 1);
            w[k] = leaf(tp_ones(TP_SHAPE(100001)));
            tp_params *p = named("w", w[k]);
            tp_optim *o = tp_optim_new(tp_optim_name_at(i), p, &variants[1]);
            tp_set_grad(w[k], gradient(w[k], 1));
            norm[k] = tp_clip_grad_norm(p, 1);
            tp_step(o);
        }
        tp_set_num_threads(threads);
        assert_no_error();
        assert_memory_equal(&norm[0], &norm[1], sizeof *norm);
        assert_same_bits(w[0], w[1]);
    }
}

static void a_steady_step_asks_for_no_memory(void **state)
{
    (void)state;
    for (int i = 0; tp_optim_name_at(i); i++) {
        TP_SCOPE;
        tp_params *p = two(TP_F32);
        tp_params_add(p, "t", leaf(tp_transpose(tp_ones(TP_SHAPE(40, 30)), 0, 1)));
        tp_optim *o = tp_optim_new(tp_optim_name_at(i), p, &variants[1]);
        steps(o, p, 0, 1);
        for (int k = 0; k < tp_params_count(p); k++)
            tp_set_grad(tp_params_at(p, k), gradient(tp_params_at(p, k), k));
        tp_step(o);
        tp_memory_info before = tp_memory_stats();
        for (int k = 0; k < 10; k++) {
            tp_clip_grad_norm(p, 0.5);
            tp_step(o);
        }
        tp_memory_info after = tp_memory_stats();
        assert_no_error();
        assert_int_equal(after.live_bytes, before.live_bytes);
        if (before.cached_bytes || after.cached_bytes) /* TAPER_CACHE=0 asks every time */
            assert_int_equal(after.system_calls, before.system_calls);
    }
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

static void clipping_meets_its_bound(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = two(TP_F64);
    tp_tensor *w = tp_params_at(p, 0), *b = tp_params_at(p, 1);
    assert_true(tp_clip_grad_norm(p, 1) == 0); /* no gradients */
    tp_set_grad(w, tp_expand(tp_full(TP_SHAPE(1, 1), 3, .dtype = TP_F64),
                             TP_SHAPE(3, 5))); /* one number, repeated */
    tp_set_grad(b, tp_full(TP_SHAPE(7), -4, .dtype = TP_F64));
    double norm = sqrt(15 * 9 + 7 * 16);
    assert_true(fabs(tp_clip_grad_norm(p, 1000) - norm) < 1e-12);
    assert_true(((double *)tp_data(tp_grad(b)))[6] == -4);
    assert_true(fabs(tp_clip_grad_norm(p, 0.5) - norm) < 1e-12);
    assert_true(fabs(tp_clip_grad_norm(p, 1) - 0.5) < 1e-6);
    tp_set_grad(b, tp_full(TP_SHAPE(7), -4, .dtype = TP_F64));
    tp_clip_grad_value(p, 1.5);
    assert_true(((double *)tp_data(tp_grad(b)))[3] == -1.5);
    assert_no_error();
    ((double *)tp_data(tp_grad(b)))[2] = NAN;
    assert_true(isnan(tp_clip_grad_norm(p, 1)));
    assert_true(isnan(tp_clip_grad_norm(p, -1)));
    assert_error(TP_ERR_ARGUMENT, "max_norm is -1");
    tp_clip_grad_value(p, NAN);
    assert_error(TP_ERR_ARGUMENT, "value is nan");
}

/* ---- schedules --------------------------------------------------------------------------------------------------- */

#define FACTOR(kind, step, ...)                                                                           \
    tp_schedule_factor(kind,                                                                              \
                       &(tp_schedule_options){ .struct_size = sizeof(tp_schedule_options), __VA_ARGS__ }, \
                       step)

static void assert_near(double got, double wanted)
{
    assert_no_error();
    if (!(fabs(got - wanted) <= 1e-12))
        fail_msg("%.17g, wanted %.17g", got, wanted);
}

static void schedules_meet_their_ends(void **state)
{
    (void)state;
    assert_near(FACTOR("constant", 0, .warmup = 4), 0);
    assert_near(FACTOR("constant", 4, .warmup = 4), 1);
    assert_near(FACTOR("constant", 2, .warmup = 4, .warmup_start = 0.5), 0.75);
    assert_near(FACTOR("cosine", 0, .total = 10), 1);
    assert_near(FACTOR("cosine", 5, .total = 10, .min_factor = 0.2), 0.6);
    assert_near(FACTOR("cosine", 10, .total = 10, .min_factor = 0.2), 0.2);
    assert_near(FACTOR("cosine", 1000, .total = 10), 0);
    assert_near(FACTOR("cosine", 3, .total = 3, .warmup = 3), 0);
    assert_near(FACTOR("linear", 8, .total = 12, .warmup = 4), 0.5);
    assert_near(FACTOR("linear", 12, .total = 12, .warmup = 4), 0);
    assert_near(FACTOR("one_cycle", 0, .total = 20), 1);
    assert_near(FACTOR("one_cycle", 5, .total = 20), 25);
    assert_near(FACTOR("one_cycle", 19, .total = 20), 1e-4);
    assert_near(FACTOR("one_cycle", 99, .total = 20), 1e-4);
    assert_near(FACTOR("one_cycle", 19, .total = 20, .rise = 1), 25);
    assert_near(FACTOR("one_cycle", 20, .total = 20, .rise = 1), 1e-4);
    assert_near(FACTOR("inverse_sqrt", 0, .total = 0), 1);
    assert_near(FACTOR("inverse_sqrt", 16, .warmup = 4), 0.5);
    assert_near(FACTOR("multi_step", 7, .milestones = (int64_t[]){ 2, 7 }, .n_milestones = 2, .gamma = 0.5),
                0.25);
    assert_near(FACTOR("step", 6, .step_size = 3, .gamma = 0.5), 0.25);
    assert_true(isnan(FACTOR("plateau", 3, .gamma = 0.5)));
    assert_no_error();
    for (int64_t total = 1; total < 40; total++)
        for (int64_t k = 0; k <= total; k++)
            assert_true(isfinite(FACTOR("one_cycle", k, .total = total)) &&
                        isfinite(FACTOR("cosine", k, .total = total)));
}

static void a_schedule_is_set_back(void **state)
{
    (void)state;
    for (int i = 0; tp_schedule_name_at(i); i++) {
        TP_SCOPE;
        const char *kind = tp_schedule_name_at(i);
        int64_t milestones[] = { 3, 6 };
        bool plateau = !strcmp(kind, "plateau");
        tp_optim *o[2];
        tp_schedule *s[2];
        for (int k = 0; k < 2; k++) {
            o[k] = tp_sgd(named("w", leaf(tp_ones(TP_SHAPE(2)))), .lr = 0.5);
            s[k] = tp_schedule_new(o[k], kind, .total = 20, .warmup = 2, .step_size = 4,
                                   .milestones = milestones, .n_milestones = 2, .patience = 1);
        }
        milestones[0] = 1; /* the schedule has its own copy */
        for (int k = 0; k < 12; k++) {
            tp_schedule_step(s[0]);
            if (plateau)
                tp_schedule_metric(s[0], 1);
            assert_true(plateau || tp_lr(o[0], 0) == 0.5 * tp_schedule_get(s[0]).factor);
        }
        tp_schedule_set(s[1], tp_schedule_get(s[0]));
        assert_no_error();
        assert_true(tp_lr(o[0], 0) == tp_lr(o[1], 0));
        tp_schedule_step(s[0]);
        tp_schedule_step(s[1]);
        assert_true(tp_lr(o[0], 0) == tp_lr(o[1], 0));
    }
}

static void plateau_waits_and_lowers(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_optim *o = tp_sgd(named("w", leaf(tp_ones(TP_SHAPE(2)))), .lr = 1);
    tp_schedule *s = tp_schedule_new(o, "plateau", .patience = 2, .gamma = 0.5, .min_factor = 0.2);
    const double metrics[] = { 1, NAN, 1, 1, 1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1 };
    const double rates[] = { 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2 };
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        tp_schedule_metric(s, metrics[i]);
        assert_near(tp_lr(o, 0), rates[i]);
    }
    assert_true(tp_schedule_get(s).best == 0.5);
    tp_schedule_metric(tp_schedule_new(o, "cosine", .total = 3), 1);
    assert_error(TP_ERR_STATE, "cosine looks at no metric");
}

static void wrong_schedules_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_optim *o = tp_sgd(named("w", leaf(tp_ones(TP_SHAPE(2)))), .lr = 1);
    assert_null(tp_schedule_new(o, "cosin", .total = 3));
    assert_error(TP_ERR_ARGUMENT, "unknown schedule 'cosin'; did you mean 'cosine'? (known: constant, step");
    assert_null(tp_schedule_new(o, "cosine", .warmup = 3));
    assert_error(TP_ERR_ARGUMENT, "total is 0");
    assert_null(tp_schedule_new(o, "linear", .total = 3, .warmup = 4));
    assert_error(TP_ERR_ARGUMENT, "warmup 4 is more than total 3");
    assert_null(tp_schedule_new(o, "step", .gamma = 0.5));
    assert_error(TP_ERR_ARGUMENT, "step_size is 0");
    assert_null(tp_schedule_new(o, "multi_step", .gamma = 0.5));
    assert_error(TP_ERR_ARGUMENT, "milestones are wanted");
    assert_null(tp_schedule_new(o, "exponential", .gamma = NAN));
    assert_error(TP_ERR_ARGUMENT, "gamma is nan");
    assert_null(tp_schedule_new(o, "constant", .warmup = -1));
    assert_error(TP_ERR_ARGUMENT, "warmup is -1");
    assert_true(isnan(FACTOR("nosuch", 0, .total = 3)));
    assert_error(TP_ERR_ARGUMENT, "unknown schedule 'nosuch'");
    assert_true(tp_lr(o, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_state_gives_the_same_bits),
        cmocka_unit_test(state_has_pytorchs_names),
        cmocka_unit_test(wrong_state_is_told_whole_and_changes_nothing),
        cmocka_unit_test(groups_have_their_own_options),
        cmocka_unit_test(defaults_are_pytorchs),
        cmocka_unit_test(wrong_options_are_errors),
        cmocka_unit_test(wrong_parameters_are_errors),
        cmocka_unit_test(layout_does_not_matter),
        cmocka_unit_test(parameters_in_the_same_memory_take_turns),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(a_steady_step_asks_for_no_memory),
        cmocka_unit_test(clipping_meets_its_bound),
        cmocka_unit_test(schedules_meet_their_ends),
        cmocka_unit_test(a_schedule_is_set_back),
        cmocka_unit_test(plateau_waits_and_lowers),
        cmocka_unit_test(wrong_schedules_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
