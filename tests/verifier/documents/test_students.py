"""Lists of students mean the same wherever they are read."""

import pytest

from verifier.documents.students import read_students
from verifier.problem.errors import MalformedSubmission

LISTS = {
    "ada\n\n bob \n": [("ada", None), ("bob", None)],
    "ada,4711\nbob,\ncy, 12\n": [("ada", "4711"), ("bob", None), ("cy", "12")],
    'Lovelace, Ada\n"Hopper, Grace",7\n': [("Lovelace, Ada", None), ("Hopper, Grace", "7")],
    "name, lms_id\nada,4711\n": [("ada", "4711")],
    "Name\nada\n": [("ada", None)],
    "lms_id,student,mail\n4711,ada,ada@example.edu\n": [("ada", "4711")],
    "student,token\nada,gradjury_x\n": [("ada", None)],
    "": [],
}
MALFORMED = {
    "ada\nada": "line 2: expected every name once, got 'ada' more than once; leave one",
    "a,b,c": "line 1: expected 'name' or 'name,LMS id', got 3 columns",
    "\nname,id\n,4711": "line 3: expected the name of a student, got none",
}


@pytest.mark.parametrize("text", LISTS)
def test_a_list_is_read_in_order(text: str) -> None:
    assert [(student.name, student.lms_id) for student in read_students(text)] == LISTS[text]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_mistake_has_its_line(text: str) -> None:
    with pytest.raises(MalformedSubmission) as caught:
        read_students(text)
    (error,) = caught.value.errors
    assert error.sentence.startswith(MALFORMED[text])
