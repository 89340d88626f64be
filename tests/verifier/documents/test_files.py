"""Submissions from JSON, npz and safetensors: told apart by their bytes, equal once read, never trusted."""

import io
import json
import pickle
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_torch

from reference_impl.network import named
from tests.drawing import draw_problem
from tests.pairwise import each
from tests.verifier.builders import document_of_problem, nested_lists, small_document
from verifier import MalformedSubmission, Verdict, load, verify
from verifier.documents.files import SUFFIXES, parse_bytes, write_document
from verifier.documents.json import DEFAULT_BOUNDS, Bounds
from verifier.documents.reading import read_submission
from verifier.documents.writing import submission_to_document
from verifier.problem.errors import UnreadableSubmission

FORMATS = ("json", "npz", "safetensors")


def arrays() -> dict[str, Any]:
    return document_of_problem(
        draw_problem(np.random.default_rng(3), masked=True), name="hw3", precision="float64"
    )


def document_without_tensors(document: dict[str, Any]) -> dict[str, Any]:
    tensors = ("parameters", "gradients", "masks", "inputs", "targets")
    return {key: value for key, value in document.items() if key not in tensors}


def tensors_of(document: dict[str, Any]) -> dict[str, Any]:
    tensors = {"inputs": document["inputs"], "targets": document["targets"]}
    for group in ("parameters", "gradients", "masks"):
        tensors |= {f"{group}.{name}": value for name, value in document.get(group, {}).items()}
    return tensors


def npz(text: Any, tensors: dict[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    text = text if isinstance(text, str) else json.dumps(text)
    np.savez(stream, submission=np.array(text), **tensors, **options)
    return stream.getvalue()


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one_tensor(dtype: str, shape: list[int], size: int, **metadata: Any) -> dict[str, Any]:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}
    return {"__metadata__": {"submission": "{}"} | metadata, "inputs": entry}


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_document_read_from_a_file_is_the_one_that_was_written(format_name, tmp_path):
    original = read_submission(arrays())
    path = tmp_path / f"submission.{format_name}"
    path.write_bytes(write_document(submission_to_document(original), format_name))
    again = load(path)
    assert (again.name, again.precision, again.graded_under) == (
        "hw3",
        original.precision,
        original.graded_under,
    )
    assert again.convention == original.convention
    for (name, array), (_, same) in zip(
        named(original.problem.parameters), named(again.problem.parameters), strict=True
    ):
        np.testing.assert_array_equal(array, same)
        np.testing.assert_array_equal(original.gradients[name], again.gradients[name])
    np.testing.assert_array_equal(original.problem.batch.masks[0], again.problem.batch.masks[0])
    assert verify(again).verdict is Verdict.CORRECT


@each(FORMATS)
def test_non_finite_gradients_and_losses_survive_the_way_through_a_file(format_name):
    document = arrays()
    gradient = document["gradients"]["layers.0.weight"].copy()
    gradient[0, :3] = [np.nan, np.inf, -np.inf]
    document["gradients"]["layers.0.weight"] = gradient
    submission = read_submission(document | {"reported_loss": "NaN"})
    again = read_submission(parse_bytes(write_document(submission_to_document(submission), format_name)))
    np.testing.assert_array_equal(again.gradients["layers.0.weight"], gradient)
    assert np.isnan(again.reported_loss)


@each(FORMATS)
def test_partial_submissions_stay_partial_through_a_file(format_name):
    document = arrays() | {"gradients": {}}
    again = read_submission(parse_bytes(write_document(document, format_name)))
    assert dict(again.gradients) == {}


@pytest.mark.parametrize(
    "order", [("loss", "network"), ("network", "loss"), ("name", "loss")], ids=lambda o: f"{o[0]} first"
)
@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_json_is_json_in_whatever_order_and_spacing_its_fields_stand(order, indent, separators):
    document = small_document(name="hw3")
    document = {key: document[key] for key in order} | document
    text = json.dumps(document, indent=indent, separators=separators)
    assert parse_bytes(text.encode()) == document


@each(range(10))
def test_json_may_start_with_any_number_of_blanks(blanks):
    assert parse_bytes(b" " * blanks + b'{"name": "hw3"}') == {"name": "hw3"}


@each(["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_may_be_in_any_unicode_encoding(encoding):
    text = json.dumps({"name": "Übung"}, ensure_ascii=False)
    assert parse_bytes(text.encode(encoding)) == {"name": "Übung"}


class TestPrecisionOfAFile:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
    @pytest.mark.parametrize("format_name", ["npz", "safetensors"])
    def test_the_gradients_dtype_is_the_precision_unless_one_is_declared(self, dtype, format_name):
        document = arrays()
        del document["precision"]
        document["gradients"] = {k: v.astype(dtype) for k, v in document["gradients"].items()}
        read = read_submission(parse_bytes(write_document(document, format_name)))
        assert read.precision.name == dtype
        assert read.warnings == ()
        declared = read_submission(
            parse_bytes(write_document(document | {"precision": "bfloat16"}, format_name))
        )
        assert declared.precision.name == "bfloat16"

    def test_bfloat16_tensors_say_so(self):
        document = arrays()
        del document["precision"]
        tensors = {name: torch.tensor(np.array(value)) for name, value in tensors_of(document).items()}
        expected = {}
        for name in document["gradients"]:
            key = f"gradients.{name}"
            tensors[key] = tensors[key].bfloat16()
            expected[name] = tensors[key].double().numpy()
        content = save_torch(tensors, metadata={"submission": json.dumps(document_without_tensors(document))})
        read = read_submission(parse_bytes(content))
        assert read.precision.name == "bfloat16"
        for name, gradient in expected.items():
            np.testing.assert_array_equal(read.gradients[name], gradient)
        assert verify(read).verdict is Verdict.CORRECT

    @pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8", "<f8", ">f2"])
    def test_byte_order_changes_neither_numbers_nor_precision(self, dtype):
        document = arrays()
        del document["precision"]
        document["gradients"] = {k: v.astype(dtype) for k, v in document["gradients"].items()}
        read = read_submission(parse_bytes(npz(document_without_tensors(document), tensors_of(document))))
        assert read.precision.name == {"4": "float32", "8": "float64", "2": "float16"}[dtype[-1]]
        assert read.warnings == ()
        for name, gradient in document["gradients"].items():
            np.testing.assert_array_equal(read.gradients[name], gradient.astype(float))

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_numbers_that_would_fit_a_narrower_format_leave_the_dtype_standing(self, dtype):
        document = arrays()
        del document["precision"]
        document["gradients"] = {
            k: np.full(v.shape, 0.5, dtype=dtype) for k, v in document["gradients"].items()
        }
        read = read_submission(parse_bytes(write_document(document, "npz")))
        assert read.precision.name == dtype


class TestNpz:
    def test_fortran_order_big_endian_and_integers_are_the_same_numbers(self):
        document = arrays()
        tensors = tensors_of(document)
        for name, value in tensors.items():
            tensors[name] = np.asfortranarray(value).astype(">f8")
        tensors["targets"] = np.round(tensors["targets"]).astype(">i2")
        read = read_submission(parse_bytes(npz(document_without_tensors(document), tensors)))
        for name, array in named(read.problem.parameters):
            np.testing.assert_array_equal(array, document["parameters"][name])
        np.testing.assert_array_equal(read.problem.batch.inputs, document["inputs"])
        np.testing.assert_array_equal(read.problem.batch.targets, np.round(document["targets"]))

    def test_compressed_archives_are_read(self):
        document = arrays()
        stream = io.BytesIO()
        text = np.array(json.dumps(document_without_tensors(document)))
        np.savez_compressed(stream, submission=text, **tensors_of(document))
        assert verify(parse_bytes(stream.getvalue())).verdict is Verdict.CORRECT

    def test_the_text_may_be_bytes(self):
        document = arrays()
        stream = io.BytesIO()
        text = np.array(json.dumps(document_without_tensors(document)).encode())
        np.savez(stream, submission=text, **tensors_of(document))
        assert verify(parse_bytes(stream.getvalue())).verdict is Verdict.CORRECT

    def test_objects_are_refused_and_never_unpickled(self):
        class Bomb:
            def __reduce__(self):
                return (pytest.fail, ("a pickle was loaded",))

        stream = io.BytesIO()
        np.savez(stream, submission=np.array("{}"), inputs=np.array([Bomb()], dtype=object))
        with pytest.raises(UnreadableSubmission, match=r"a pickle in 'inputs\.npy'"):
            parse_bytes(stream.getvalue())

    @pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # zipfile warns whoever writes one
    @pytest.mark.parametrize("second", ["inputs.npy", "inputs"])
    def test_two_members_of_one_name_are_refused(self, second):
        stream = io.BytesIO(npz({}, {"inputs": np.zeros((2, 2))}))
        with zipfile.ZipFile(stream, "a") as archive:
            archive.writestr(second, archive.read("inputs.npy"))
        with pytest.raises(MalformedSubmission, match="once"):
            parse_bytes(stream.getvalue())

    def test_an_archive_of_very_many_members_is_refused_for_their_number_alone(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for index in range(15_000):
                archive.writestr(f"gradients.{index}.npy", b"")
        with pytest.raises(UnreadableSubmission, match=f"at most {DEFAULT_BOUNDS.arrays} arrays, got 15000"):
            parse_bytes(stream.getvalue())

    def test_a_bomb_is_refused_before_it_is_inflated(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr("inputs.npy", bytes(50_000_000))
        assert len(stream.getvalue()) < 100_000
        with pytest.raises(UnreadableSubmission, match="at most 1000000 bytes inflated"):
            parse_bytes(stream.getvalue(), Bounds(inflated=1_000_000))

    def test_an_array_header_that_promises_more_than_there_is_is_refused(self):
        content = io.BytesIO()
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
        np.lib.format.write_array_header_1_0(content, header)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("inputs.npy", content.getvalue() + bytes(64))
        with pytest.raises(UnreadableSubmission, match="at most 134217728 numbers"):
            parse_bytes(stream.getvalue())

    @pytest.mark.parametrize("shape", [(-1, 3), (2**63, 0), (True, 2), ("2", 2), (1,) * 65, 3], ids=str)
    def test_an_impossible_shape_in_an_array_header_is_refused(self, shape):
        text = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
        text += b" " * (117 - len(text) % 64) + b"\n"
        member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(16)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("inputs.npy", member)
        with pytest.raises(MalformedSubmission):
            read_submission(parse_bytes(stream.getvalue()))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[]", "one JSON object"),
            ("{", "JSON text"),
            ("", "JSON text"),
            ('{"gradients": null}', "gradients"),
            ('{"gradients": []}', "gradients"),
            ('{"gradients": 5}', "gradients"),
            ('{"gradients": "layers.0.weight"}', "gradients"),
            ('{"gradients": {"layers.0.weight": [1]}}', "both as a tensor and in the text"),
            ('{"inputs": [1]}', "both as a tensor and in the text"),
            ('{"name": 1, "name": 2}', "more than once"),
        ],
        ids=str,
    )
    def test_a_text_that_does_not_fit_its_tensors_is_refused(self, text, words):
        tensors = {"inputs": np.zeros((2, 3)), "gradients.layers.0.weight": np.zeros(3)}
        with pytest.raises(MalformedSubmission, match=words):
            read_submission(parse_bytes(npz(text, tensors)))

    @pytest.mark.parametrize(
        ("text", "message"),
        [(np.array(["{}"]), "shape"), (np.zeros(()), "type float64")],
        ids=["1-d", "number"],
    )
    def test_the_text_is_a_string_without_dimensions(self, text, message):
        stream = io.BytesIO()
        np.savez(stream, submission=text)
        with pytest.raises(UnreadableSubmission, match=message):
            parse_bytes(stream.getvalue())

    def test_an_archive_without_a_text_says_what_belongs_there(self):
        stream = io.BytesIO()
        np.savez(stream, inputs=np.zeros((2, 2)))
        with pytest.raises(MalformedSubmission, match="JSON text named 'submission'"):
            parse_bytes(stream.getvalue())

    def test_tensors_that_no_submission_has_are_named(self):
        with pytest.raises(MalformedSubmission, match=r"the tensor 'weights'"):
            parse_bytes(npz({}, {"weights": np.zeros(2)}))

    @pytest.mark.parametrize("dtype", ["complex128", "bool", "U3", "datetime64[s]"])
    def test_arrays_of_other_things_than_real_numbers_are_mistakes(self, dtype):
        document = arrays()
        tensors = tensors_of(document) | {"inputs": np.zeros((4, 3)).astype(dtype)}
        with pytest.raises(MalformedSubmission, match="/inputs: expected an array of real numbers"):
            read_submission(parse_bytes(npz(document_without_tensors(document), tensors)))


class TestSafetensors:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (struct.pack("<Q", 1 << 40) + b"{}", "a header of at most"),
            (struct.pack("<Q", 100) + b"{}", "within the file"),
            (safetensors(b"{"), "a damaged one"),
            (safetensors(b'{"a": 1}'), "a damaged one"),
            (safetensors(one_tensor("F64", [2], 16)), "a damaged one"),
            (safetensors(one_tensor("F64", [3], 16), bytes(16)), "a damaged one"),
            (safetensors(one_tensor("F64", [-1], 8), bytes(8)), "a damaged one"),
            (safetensors(one_tensor("F64", [2**62, 2**62], 8), bytes(8)), "at most 134217728 numbers"),
            (safetensors(one_tensor("F64", [1], 8), bytes(16)), "a damaged one"),
            (safetensors(one_tensor("BOOL", [1], 1), bytes(1)), "of type BOOL"),
            (safetensors(one_tensor("F7", [1], 1), bytes(1)), "a damaged one"),
            (safetensors({"__metadata__": None}), "submission"),
            (safetensors({"__metadata__": {"other": "{}"}}), "submission"),
            (safetensors({"__metadata__": {"submission": 3}}), "a damaged one"),
            (safetensors(one_tensor("F64", [1] * 65, 8), bytes(8)), "inputs"),
            (safetensors(one_tensor("F64", [0, 2**62, 2**62], 0)), "inputs"),
            (safetensors(b'{"__metadata__": ' + b"[" * 100_000), "nested at most 64 deep"),
        ],
        ids=[
            "header longer than allowed",
            "header longer than the file",
            "no JSON",
            "an entry that is none",
            "data missing",
            "data of another size",
            "negative shape",
            "shape beyond all memory",
            "bytes left over",
            "booleans",
            "unknown type",
            "null metadata",
            "no text",
            "a text that is a number",
            "65 dimensions",
            "no entries but huge dimensions",
            "deep nesting",
        ],
    )
    def test_a_header_that_lies_is_refused(self, content, words):
        with pytest.raises(MalformedSubmission, match=words):
            read_submission(parse_bytes(content))

    def test_integers_of_every_width_are_numbers(self):
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
            document = arrays()
            document["targets"] = np.abs(np.round(document["targets"])).astype(dtype)
            read = read_submission(parse_bytes(write_document(document, "safetensors")))
            np.testing.assert_array_equal(read.problem.batch.targets, document["targets"])

    def test_an_empty_batch_is_a_mistake_of_the_inputs(self):
        document = arrays() | {"inputs": np.zeros((0, 3))}
        with pytest.raises(MalformedSubmission, match="/inputs: expected at least one example"):
            read_submission(parse_bytes(write_document(document, "safetensors")))


class TestDamage:
    @pytest.mark.parametrize("format_name", FORMATS)
    def test_a_file_cut_anywhere_is_malformed_and_nothing_worse(self, format_name):
        content = write_document(arrays(), format_name)
        for length in [*range(0, 200, 7), *range(200, len(content) - 2, len(content) // 40)]:
            with pytest.raises(MalformedSubmission):
                read_submission(parse_bytes(content[:length]))

    @pytest.mark.parametrize("format_name", FORMATS)
    def test_a_file_with_one_byte_changed_is_read_or_malformed(self, format_name):
        content = write_document(arrays(), format_name)
        rng = np.random.default_rng(1)
        outcomes = {"read": 0, "malformed": 0, "nothing said": 0}
        for place in rng.integers(len(content), size=400):
            damaged = bytearray(content)
            damaged[place] ^= int(rng.integers(1, 256))
            try:
                read_submission(parse_bytes(bytes(damaged)))
                outcomes["read"] += 1
            except MalformedSubmission as error:
                outcomes["malformed" if error.errors else "nothing said"] += 1
        assert outcomes["read"] + outcomes["malformed"] == 400

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "an empty file"),
            (b"  \n", "an empty file"),
            (pickle.dumps({"a": 1}), "a pickle"),
            (b"\x93NUMPY\x01\x00", "a single numpy array"),
            (b"PK\x03\x04", "a damaged one"),
            (b"PK", "a damaged one"),
            (b"\xff\xfe\x00", "JSON text|UTF-8"),
            (b"%PDF-1.4", "JSON text"),
            (b"<html></html>", "JSON text"),
            (b"nothing like it", "got none of them"),
            (b"garbage, not a zip", "got none of them; write JSON, npz .numpy.savez. or safetensors"),
            (b"\x00\x01\x02" * 9, "got none of them"),
        ],
        ids=[
            "nothing",
            "blanks",
            "pickle",
            "npy",
            "zip magic",
            "two bytes",
            "no text",
            "PDF",
            "HTML",
            "prose",
            "words",
            "bytes",
        ],
    )
    def test_bytes_in_no_known_format_are_named(self, content, words):
        with pytest.raises(UnreadableSubmission, match=words):
            parse_bytes(content)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.json")


def test_the_suffixes_are_those_of_the_three_formats():
    assert {f".{name}" for name in FORMATS} == set(SUFFIXES)


def test_listed_documents_and_arrays_read_alike():
    document = arrays()
    for name, gradient in read_submission(nested_lists(document)).gradients.items():
        np.testing.assert_array_equal(gradient, document["gradients"][name])
