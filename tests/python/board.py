"""board.py - TensorBoard's own reader takes what a run writes: curves, histograms, images, graph, text, hparams; and a run that went on.

The program is the argument; without tensorboard the script ends with 77, which ctest counts as skipped.
"""
import glob, os, subprocess, sys, tempfile

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

program = os.path.abspath(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    table = os.path.join(folder, "t.csv")
    with open(table, "w") as f:
        f.write("a,b,c,kind\n" + "".join(f"{i % 7},{i % 5},{i % 3},{'xy'[i % 2]}\n" for i in range(160)))
    def taper(*words):
        subprocess.run([program, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    taper("train", "mlp", "--data", table, "--hidden", "8", "--epochs", "2", "--lr", "0.01", "--out", "run", "--tensorboard", "board")
    taper("train", "--resume", "run", "--epochs", "3")
    assert len(glob.glob(folder + "/board/*")) == 2
    a = EventAccumulator(folder + "/board", size_guidance={"scalars": 0, "histograms": 0, "tensors": 0}).Reload()
    tags = a.Tags()
    assert [e.step for e in a.Scalars("loss/test")] == [2, 4, 6], a.Scalars("loss/test")
    assert [e.step for e in a.Scalars("step/gradient_norm")] == [1, 2, 3, 4, 5, 6]
    assert abs(a.Scalars("epoch/learning_rate")[0].value - 0.01) < 1e-8
    h = a.Histograms("weights/fc1.weight")[-1].histogram_value
    assert h.num == 24 == sum(h.bucket) and h.min < 0 < h.max and len(h.bucket) == len(h.bucket_limit)
    assert "gradients/fc2.bias" in tags["histograms"]
    nodes = {n.name: n for n in a.Graph().node}
    assert any(n.op == "linear" for n in nodes.values())
    assert all(i.split(":")[0] in nodes for n in nodes.values() for i in n.input)
    command = a.Tensors("command")[0].tensor_proto.string_val[0].decode()
    assert command.startswith("    taper train mlp --data"), command
    assert a.SummaryMetadata("command").plugin_data.plugin_name == "text"
    start = plugin_data_pb2.HParamsPluginData.FromString(
        a.SummaryMetadata("_hparams_/session_start_info").plugin_data.content).session_start_info
    assert start.hparams["optim.lr"].number_value == 0.01 and start.hparams["model"].string_value == "mlp"
    end = plugin_data_pb2.HParamsPluginData.FromString(
        a.SummaryMetadata("_hparams_/session_end_info").plugin_data.content).session_end_info
    assert end.status == 1 and end.end_time_secs >= start.start_time_secs
print("tensorboard reads it all")
