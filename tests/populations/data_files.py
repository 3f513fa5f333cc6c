"""Small files in the true formats of MNIST and CIFAR-10."""

import gzip
import hashlib
import pickle
import struct

import numpy as np

PER_CLASS = {"train": 12, "t10k": 5}


def fake_images(split, shape):
    labels = np.tile(np.arange(10), PER_CLASS[split]).astype(np.uint8)
    rng = np.random.default_rng(len(split))
    return rng.integers(256, size=(len(labels), *shape), dtype=np.uint8), labels


def write_idx(folder, *, packed):
    """idx files as LeCun describes them: magic number, big-endian sizes, bytes."""
    folder.mkdir(parents=True)
    for split in PER_CLASS:
        images, labels = fake_images(split, (28, 28))
        contents = {
            f"{split}-images-idx3-ubyte": struct.pack(">IIII", 2051, *images.shape)
            + images.tobytes(),
            f"{split}-labels-idx1-ubyte": struct.pack(">II", 2049, len(labels)) + labels.tobytes(),
        }
        for name, content in contents.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def write_cifar(root, monkeypatch):
    """Python batches as Krizhevsky's; torchvision's table of md5 sums is told of these files."""
    from torchvision.datasets import CIFAR10

    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)

    def write(name, content):
        data = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    images, labels = fake_images("train", (3, 32, 32))
    sums = []
    for i in range(5):
        part = slice(24 * i, 24 * (i + 1))
        content = {"data": images[part].reshape(24, -1), "labels": labels[part].tolist()}
        sums.append([f"data_batch_{i + 1}", write(f"data_batch_{i + 1}", content)])
    images, labels = fake_images("t10k", (3, 32, 32))
    test = {"data": images.reshape(len(images), -1), "labels": labels.tolist()}
    test_sum = [["test_batch", write("test_batch", test)]]
    meta = {"label_names": [f"class {k}" for k in range(10)]}
    meta_sum = {**CIFAR10.meta, "md5": write("batches.meta", meta)}
    monkeypatch.setattr(CIFAR10, "train_list", sums)
    monkeypatch.setattr(CIFAR10, "test_list", test_sum)
    monkeypatch.setattr(CIFAR10, "meta", meta_sum)
    return folder
