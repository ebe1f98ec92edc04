"""recurrent.py - calls of PyTorch for recurrent layers, one direction of one; what PyTorch has not, made of its elementary operations.

Rows as in extra.py.  Read next: extra.py.
"""
import torch
import torch.nn.functional as F

TO = torch.float64


def layer_of(kind, lengths=(), reverse=False, batch_first=False, nonlinearity="tanh"):
    """One direction of PyTorch's layer as a function of its weights; lengths in any order, the reverse direction through flipped sequences."""
    def run(x, ih, hh, bi, bh, h0, c0, hr=None):
        hidden = hh.shape[0] // {"rnn": 1, "lstm": 4, "gru": 3}[kind]
        options = {"nonlinearity": nonlinearity} if kind == "rnn" else {"proj_size": hr.shape[0]} if hr is not None else {}
        layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](x.shape[-1], hidden, bias=bi is not None, batch_first=batch_first, **options).to(TO)
        named = {"weight_ih_l0": ih, "weight_hh_l0": hh, "bias_ih_l0": bi, "bias_hh_l0": bh, "weight_hr_l0": hr}
        flip = lambda t: t
        if reverse:
            n = list(lengths) or [x.shape[int(batch_first)]] * x.shape[int(not batch_first)]
            flip = lambda t: torch.nn.utils.rnn.pad_sequence([torch.cat((s[:m].flip(0), s[m:])) for s, m in zip(t if batch_first else t.transpose(0, 1), n)], batch_first)
        state = lambda t: None if t is None else t.unsqueeze(0)
        given = None if h0 is None else (state(h0), state(c0)) if kind == "lstm" else state(h0)
        x = flip(x)
        if lengths:
            x = torch.nn.utils.rnn.pack_padded_sequence(x, list(lengths), batch_first, enforce_sorted=False)
        y, last = torch.func.functional_call(layer, {k: v for k, v in named.items() if v is not None}, (x, given))
        if lengths:
            y = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first)[0]
        last = last if kind == "lstm" else (last,)
        return (flip(y), *(t.squeeze(0) for t in last))
    return run


def layer_normed(x, gain, bias=None):
    return F.layer_norm(x, x.shape[-1:], gain, bias)


def steps(x, h, step):
    ys = []
    for now in x:
        h = step(now, h)
        ys.append(h[0])
    return (torch.stack(ys), *h)


def peephole_lstm(x, ih, hh, bi, bh, h0, c0, _, hr, p):
    def step(x, state):
        h, c = state
        i, f, g, o = F.linear(x, ih, bi).add(F.linear(h, hh, bh)).chunk(4, -1)
        pi, pf, po = p.chunk(3)
        c1 = torch.sigmoid(f + pf * c) * c + torch.sigmoid(i + pi * c) * torch.tanh(g)
        h = torch.sigmoid(o + po * c1) * torch.tanh(c1)
        return (h if hr is None else h @ hr.T), c1
    return steps(x, (h0, c0), step)


def normed_lstm(x, ih, hh, bi, bh, h0, c0, _l, _r, _p, ni, nh, nc, ncb):
    def step(x, state):
        h, c = state
        i, f, g, o = (layer_normed(F.linear(x, ih), ni, bi) + layer_normed(F.linear(h, hh), nh, bh)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(layer_normed(c, nc, ncb)), c
    return steps(x, (h0, c0), step)


def normed_rnn(x, ih, hh, bi, bh, h0, _, n):
    return steps(x, (h0,), lambda x, s: (torch.tanh(layer_normed(F.linear(x, ih) + F.linear(s[0], hh), n) + bi + bh),))


def other_gru(x, ih, hh, bi, bh, h0, _=None, ni=None, nh=None, reset_before=False):
    size = hh.shape[1]
    bi, bh = [torch.zeros(3 * size, dtype=TO) if b is None else b for b in (bi, bh)]

    def given(x, w, b, n):
        a = F.linear(x, w)
        if n is not None:
            a = torch.cat((layer_normed(a[..., :2 * size], n[:2 * size]), layer_normed(a[..., 2 * size:], n[2 * size:])), -1)
        return a + b

    def step(x, state):
        h, = state
        a, s = given(x, ih, bi, ni), given(h, hh, bh, nh)
        r, z = torch.sigmoid(a + s).chunk(3, -1)[:2]
        if reset_before:
            last = F.linear(r * h, hh[2 * size:])
            new = a[..., 2 * size:] + (last if nh is None else layer_normed(last, nh[2 * size:])) + bh[2 * size:]
        else:
            new = a[..., 2 * size:] + r * s[..., 2 * size:]
        return (1 - z) * torch.tanh(new) + z * h,
    return steps(x, (h0,), step)


def one_step(cell, x, h, *rest):
    return cell(torch.atleast_2d(x), torch.atleast_2d(h), *rest).reshape(h.shape)


def rows():
    with torch.random.fork_rng():  # the rows of other files stay what they are
        torch.manual_seed(5)
        return recurrent_rows()


def recurrent_rows():
    i64, rnn, lstm, gru = (lambda *v: torch.tensor(v)), [], [], []
    small = lambda *shape: (torch.randn(shape, dtype=TO) * 0.5).requires_grad_()
    weights = lambda gates, size, out, n_in=3: (small(gates * size, n_in), small(gates * size, out))
    biases = lambda n: (small(n), small(n))
    for reverse in (False, True):
        for lengths in ((), (2, 5, 1, 3)):
            batch_first = reverse != bool(lengths)
            x = lambda: small(*((4, 5, 3) if batch_first else (5, 4, 3)))
            attrs = {"reverse": reverse, "batch_first": batch_first}
            rest = lambda: [i64(*lengths) if lengths else None]
            call = lambda kind, **more: layer_of(kind, lengths, reverse, batch_first, **more)
            for word in ("tanh", "relu"):
                bias, state = biases(4) if word == "tanh" else (None, None), word == "relu" or reverse
                rnn.append(((x(), *weights(1, 4, 4), *bias, small(4, 4) if state else None, *rest()), {**attrs, "nonlinearity": word},
                            lambda *a, f=call("rnn", nonlinearity=word): f(*a[:6], None)))
            for projection, bias, state in ((0, True, True), (2, True, not reverse), (0, False, False)):
                out = projection or 3
                lstm.append(((x(), *weights(4, 3, out), *(biases(12) if bias else (None, None)), *((small(4, out), small(4, 3)) if state else (None, None)), *rest(),
                              small(2, 3) if projection else None), attrs, lambda *a, f=call("lstm"): f(*a[:7], a[8])))
            for bias, state in ((True, True), (False, False)):
                gru.append(((x(), *weights(3, 3, 3), *(biases(9) if bias else (None, None)), small(4, 3) if state else None, *rest()), attrs,
                            lambda *a, f=call("gru"): f(*a[:6], None)))
    for hr in (None, small(2, 3)):
        out = 3 if hr is None else 2
        lstm.append(((small(4, 2, 3), *weights(4, 3, out), *biases(12), small(2, out), small(2, 3), None, hr, small(9)), {}, peephole_lstm))
    lstm.append(((small(4, 2, 3), *weights(4, 3, 3), *biases(12), small(2, 3), small(2, 3), None, None, None, small(12), small(12), small(3), small(3)), {}, normed_lstm))
    rnn.append(((small(4, 2, 3), *weights(1, 4, 4), *biases(4), small(2, 4), None, small(4)), {}, normed_rnn))
    gru += [((small(4, 2, 3), *weights(3, 3, 3), *biases(9), small(2, 3), None, *norms), {"reset_before": before}, lambda *a, b=before: other_gru(*a, reset_before=b))
            for before, norms in ((True, (None, None)), (False, (small(9), small(9))), (True, (small(9), small(9))))]
    cells = {"rnn_cell": [((small(*b, 3), *weights(1, 4, 4), *biases(4), small(*b, 4)), {"nonlinearity": w}, f)
                          for b in ((2,), ()) for w, f in (("tanh", lambda x, ih, hh, bi, bh, h: one_step(torch.rnn_tanh_cell, x, h, ih, hh, bi, bh)),
                                                           ("relu", lambda x, ih, hh, bi, bh, h: one_step(torch.rnn_relu_cell, x, h, ih, hh, bi, bh)))],
             "lstm_cell": [((small(2, 3), *weights(4, 3, 3), *biases(12), small(2, 3), small(2, 3)), {},
                            lambda x, ih, hh, bi, bh, h, c: torch.lstm_cell(x, (h, c), ih, hh, bi, bh)),
                           ((small(2, 3), *weights(4, 3, 3), None, None, small(2, 3), small(2, 3)), {},
                            lambda x, ih, hh, _b, _c, h, c: torch.lstm_cell(x, (h, c), ih, hh))],
             "gru_cell": [((small(2, 3), *weights(3, 3, 3), *biases(9), small(2, 3)), {}, lambda x, ih, hh, bi, bh, h: torch.gru_cell(x, h, ih, hh, bi, bh)),
                          ((small(3), *weights(3, 3, 3), None, None, small(3)), {}, lambda x, ih, hh, _b, _c, h: one_step(torch.gru_cell, x, h, ih, hh)),
                          ((small(2, 3), *weights(3, 3, 3), *biases(9), small(2, 3)), {"reset_before": True},
                           lambda x, *a: other_gru(x.unsqueeze(0), *a, reset_before=True)[1])]}
    pad = [((small(2, 3), small(4, 3), small(1, 3)), {}, lambda *s: torch.nn.utils.rnn.pad_sequence(s)),
           ((small(3), small(1)), {"batch_first": True, "padding_value": -1.0}, lambda *s: torch.nn.utils.rnn.pad_sequence(s, True, -1.0))]
    return {"rnn": rnn, "lstm": lstm, "gru": gru, **cells, "pad_sequence": pad}
