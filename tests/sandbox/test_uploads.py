"""Local files become URLs that a model can read: the private workbench, and a versioned repository."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from .conftest import IMAGE_TO_VIDEO, enqueue, get


def picture(color: str = "red") -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(kept, "PNG")
    return kept.getvalue()


@pytest.fixture
def playground(http) -> str:
    """As Oxen's own agent makes it."""
    user = http.get("/api/users/me").json()["user"]["username"]
    assert http.get(f"/api/repos/{user}/playground").status_code == 404
    made = http.post(
        "/api/repos/", json={"namespace": user, "name": "playground", "visibility": "private", "workbench": True}
    )
    assert made.status_code == 200
    assert http.get(f"/api/repos/{user}/playground").json()["repository"]["visibility"] == "private"
    return f"/api/repos/{user}/playground"


def put_into(http: httpx.Client, playground: str, content: bytes, name: str = "face.png") -> str:
    answer = http.post(
        f"{playground}/workbench/context", files={"file": (name, content, "image/png")}, data={"directory": "inputs"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["asset_path"]


def test_the_private_workbench(http, playground):
    asset = put_into(http, playground, picture())
    assert asset == "inputs/face.png"
    url = http.get(f"{playground}/file/presigned_url/main/{asset}").json()["url"]
    read = httpx.get(url, trust_env=False)
    assert (read.content, read.headers["content-type"]) == (picture(), "image/png")
    assert httpx.get(url.split("?")[0], trust_env=False).status_code == 401  # private
    assert get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=url))["status"] == "succeeded"


def test_the_uploaded_picture_is_in_the_film(http, playground):
    """A first frame that was uploaded changes the film: two different ones give two different films."""
    films = set()
    for color in ("red", "blue"):
        asset = put_into(http, playground, picture(color), f"{color}.png")
        url = http.get(f"{playground}/file/presigned_url/main/{asset}").json()["url"]
        job = get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=url))
        films.add(httpx.get(job["result_url"], trust_env=False).content)
    assert len(films) == 2


def test_an_image_that_is_none(http, playground):
    asset = put_into(http, playground, b"not an image")
    url = http.get(f"{playground}/file/presigned_url/main/{asset}").json()["url"]
    failed = get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=url))
    assert failed["status"] == "failed"
    assert "Failed to download the file" in failed["error_message"]


def test_a_presigned_url_of_nothing(http, playground):
    assert http.get(f"{playground}/file/presigned_url/main/inputs/nothing.png").status_code == 404
    assert http.get("/api/repos/sandbox/nothing/file/presigned_url/main/x.png").status_code == 404


def test_a_presigned_url_expires(slow, clock):
    http = slow(speed="instant", lifetime=3600)
    http.post("/api/repos", json={"namespace": "sandbox", "name": "playground"})
    asset = put_into(http, "/api/repos/sandbox/playground", picture())
    url = http.get(f"/api/repos/sandbox/playground/file/presigned_url/main/{asset}").json()["url"]
    clock.advance(3601)
    assert httpx.get(url, trust_env=False).status_code == 403
    assert get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=url))["status"] == "failed"


WHO = {"message": "Add a face", "name": "Me", "email": "me@example.com"}


@pytest.mark.parametrize(
    ("visibility", "status", "outcome"), [("public", 200, "succeeded"), ("private", 401, "failed")]
)
def test_a_versioned_repository(http, visibility, status, outcome):
    repository = {"namespace": "sandbox", "name": "assets", "visibility": visibility}
    assert http.post("/api/repos", json=repository).status_code == 200
    path = "/api/repos/sandbox/assets/file/main/faces/me.png"
    answer = http.put(path, files={"file": ("me.png", picture())}, data=WHO)
    assert (answer.status_code, answer.json()["commit"]["message"]) == (200, "Add a face")
    assert http.get(path).content == picture()
    url = f"{http.base_url}{path}"
    assert httpx.get(url, trust_env=False).status_code == status
    assert get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=url))["status"] == outcome


def test_a_repository_that_exists(http):
    assert http.post("/api/repos", json={"namespace": "sandbox", "name": "assets"}).status_code == 200
    answer = http.post("/api/repos", json={"namespace": "sandbox", "name": "assets"})
    assert (answer.status_code, answer.json()) == (409, {"status": "error", "status_message": "Repo already exists."})


@pytest.mark.parametrize("name", ["", "a b", "../x", None, 7])
def test_a_bad_repository_name(http, name):
    assert http.post("/api/repos", json={"namespace": "sandbox", "name": name}).status_code == 400


def test_what_a_put_needs(http):
    http.post("/api/repos", json={"namespace": "sandbox", "name": "assets"})
    path = "/api/repos/sandbox/assets/file/main/faces"
    one = {"file": ("me.png", picture())}
    assert http.put(path, files=one, data=WHO | {"email": ""}).json()["error"]["detail"] == "Email is required"
    assert http.put(path, data=WHO).status_code == 400
    assert http.put("/api/repos/sandbox/nothing/file/main/x", files=one, data=WHO).status_code == 404
    assert http.put("/api/repos/sandbox/assets/file/main/a/../../x", files=one, data=WHO).status_code in (400, 404)
    both = [("file", ("a.png", b"a")), ("files[]", ("b.png", b"b"))]
    assert http.put(path, files=both, data=WHO).status_code == 400


def test_several_files_go_into_a_directory(http):
    http.post("/api/repos", json={"namespace": "sandbox", "name": "assets"})
    path = "/api/repos/sandbox/assets/file/main/images"
    assert http.put(path, files=[("file", ("a.png", b"a")), ("file", ("b.png", b"b"))], data=WHO).status_code == 200
    assert (http.get(f"{path}/a.png").content, http.get(f"{path}/b.png").content) == (b"a", b"b")
    assert http.put(path, files={"file": ("c.png", b"c")}, data=WHO).status_code == 200  # it is a directory by now
    assert http.get(f"{path}/c.png").content == b"c"


def test_old_clients_are_refused(http):
    """Any User-Agent with "oxen" in it is taken for the command line, and for too old."""
    answer = http.get("/api/repos/sandbox/playground", headers={"User-Agent": "My-OXEN-Tool/9.9"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (426, "update_required")
    assert http.get("/api/ai/models", headers={"User-Agent": "oxen/1"}).status_code == 200


def test_an_upload_beyond_bounds(http, playground):
    huge = io.BytesIO(bytes(101_000_000))
    answer = http.post(f"{playground}/workbench/context", files={"file": ("huge.mp4", huge)}, data={"directory": "x"})
    assert answer.status_code == 413
