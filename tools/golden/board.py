#!/usr/bin/env python3
"""board.py - one file of TensorBoard's events as PyTorch's SummaryWriter writes it: tests/golden/board.tfevents.

    python3 tools/golden/board.py       needs Python 3 with torch 2.15, tensorboard 2.21, pillow

    loss/test              scalars 0.5, -1.25e-3, 3e30 at steps 1, 2, 1000000000000
    weights/x              histogram of a ramp of both signs, 0 and a few repeats, at step 7
    pictures/x             the image of 3 x 4 pixels below, at step 7
    notes/text_summary     a text, at step 3 (add_text adds the ending to "notes")
    _hparams_/...          two options, two metrics
"""
import glob, os, shutil, tempfile
import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    w = SummaryWriter(folder)
    for step, value in ((1, 0.5), (2, -1.25e-3), (10**12, 3e30)):
        w.add_scalar("loss/test", value, step)
    ramp = torch.cat([torch.arange(-20, 21) / 8, torch.tensor([0.0, 0.0, 1e-13, -1e-3, 100.0])])
    w.add_histogram("weights/x", ramp, 7, bins="tensorflow")
    w.add_image("pictures/x", torch.arange(36).reshape(3, 3, 4) / 35, 7)
    w.add_text("notes", "a *text*\n", 3)
    for summary in hparams({"lr": 0.001, "optim": "adam"}, {"loss/test": 0, "accuracy/test": 0}):
        w.file_writer.add_summary(summary)
    w.close()
    shutil.copy(glob.glob(folder + "/*")[0], os.path.join(here, "../../tests/golden/board.tfevents"))
