"""Example requests of Oxen's pages, word for word: video generation and async queue (August 2026)."""

GENERATE_PYTHON = [
    """
import requests

response = requests.post(
    "https://hub.oxen.ai/api/ai/videos/generate",
    headers={
        "Authorization": "Bearer YOUR_API_KEY",
        "Content-Type": "application/json",
    },
    json={
        "model": "kling-video-v2-6-pro-text-to-video",
        "prompt": "A red balloon floating upward through blue sky",
        "duration": 5,
    },
)

data = response.json()
print("Video URL:", data["videos"][0]["url"])
""",
    """
import requests

response = requests.post(
    "https://hub.oxen.ai/api/ai/videos/generate",
    headers={
        "Authorization": "Bearer YOUR_API_KEY",
        "Content-Type": "application/json",
    },
    json={
        "model": "kling-video-o3-pro-reference-to-video",
        "multi_prompt": [
            {"prompt": "Wide shot: a bird takes off from a branch", "duration": 5},
            {"prompt": "Tracking shot: the bird soars through clouds", "duration": 5},
        ],
        "aspect_ratio": "16:9",
    },
)

data = response.json()
print("Video URL:", data["videos"][0]["url"])
""",
]

GENERATE_CURL = [
    """
curl -X POST https://hub.oxen.ai/api/ai/videos/generate \\
  -H "Authorization: Bearer $OXEN_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "kling-video-v2-6-pro-text-to-video",
    "prompt": "A red balloon floating upward through blue sky",
    "duration": 5
  }'
""",
    """
curl -X POST https://hub.oxen.ai/api/ai/videos/generate \\
  -H "Authorization: Bearer $OXEN_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "kling-video-o3-pro-reference-to-video",
    "multi_prompt": [
      {"prompt": "Wide shot: a bird takes off from a branch", "duration": 5},
      {"prompt": "Tracking shot: the bird soars through clouds", "duration": 5}
    ],
    "aspect_ratio": "16:9"
  }'
""",
]

QUEUE_PYTHON = """
import requests

response = requests.post(
    "https://hub.oxen.ai/api/ai/queue",
    headers={
        "Authorization": "Bearer YOUR_API_KEY",
        "Content-Type": "application/json",
    },
    json={
        "model": "kling-video-o3-pro-reference-to-video",
        "multi_prompt": [
            {"prompt": "Aerial view of waves crashing on a rocky shore", "duration": 5},
            {"prompt": "Camera pulls back to reveal the full coastline", "duration": 5},
        ],
        "aspect_ratio": "16:9",
    },
)

print(response.json())
"""

POLL_PYTHON = """
import requests
import time

API_KEY = "YOUR_API_KEY"
HEADERS = {"Authorization": f"Bearer {API_KEY}"}

# After enqueuing, grab a generation ID
generation_id = "YOUR_GENERATION_ID"
print(f"Polling generation {generation_id}")

terminal = {"succeeded", "failed", "cancelled"}
start = time.time()
poll_count = 0
while True:
    poll_count += 1
    data = requests.get(
        f"https://hub.oxen.ai/api/ai/queue/{generation_id}",
        headers=HEADERS,
    ).json()
    elapsed = time.time() - start
    status = data["status"]
    if status in terminal:
        print(f"  [{elapsed:5.1f}s] Generation {status}")
        if status == "succeeded":
            print(f"  result_url: {data['result_url']}")
        elif status == "failed":
            print(f"  error: {data['error_message']}")
        break
    print(f"  [{elapsed:5.1f}s] Poll #{poll_count} — {status} ({data['model_name']}, {data['media_type']})")
    time.sleep(10)
"""

IMAGES_PYTHON = """
import requests
import time

API_KEY = "YOUR_API_KEY"
HEADERS = {
    "Authorization": f"Bearer {API_KEY}",
    "Content-Type": "application/json",
}

# Enqueue 4 images
model = "black-forest-labs-flux-2-klein-4b"
prompt = "Abstract geometric pattern in blue and gold"
print(f"Enqueuing 4 generations of {model}")
print(f"  prompt: \\"{prompt}\\"")
response = requests.post(
    "https://hub.oxen.ai/api/ai/queue",
    headers=HEADERS,
    json={
        "model": model,
        "prompt": prompt,
        "num_generations": 4,
    },
)
gen_ids = [g["generation_id"] for g in response.json()["generations"]]
for gid in gen_ids:
    print(f"  generation_id: {gid}")

# Poll individual generations until all reach a terminal status
terminal = {"succeeded", "failed", "cancelled"}
start = time.time()
while True:
    statuses = {}
    for gid in gen_ids:
        resp = requests.get(
            f"https://hub.oxen.ai/api/ai/queue/{gid}",
            headers=HEADERS,
        ).json()
        statuses[gid] = resp["status"]
    done = sum(1 for s in statuses.values() if s in terminal)
    elapsed = time.time() - start
    print(f"  [{elapsed:5.1f}s] {done}/{len(gen_ids)} complete")
    if done == len(gen_ids):
        break
    time.sleep(5)

elapsed = time.time() - start
print(f"\\nAll {len(gen_ids)} images generated in {elapsed:.1f}s!")
for gid, s in statuses.items():
    print(f"  {gid}: {s}")
"""

LISTEN_CURL = """
curl -N -H "Authorization: Bearer $OXEN_API_KEY" \\
  https://hub.oxen.ai/api/events
"""

# Oxen docs, Kling O3 Pro walkthrough: Examples
WALKTHROUGH = [
    {"prompt": "A flower blooming in timelapse", "duration": 10},
    {"prompt": "A puppy runs through a park"},
    {"prompt": "A dog runs across a sunny field", "input_image": ["https://example.com/dog.jpg"]},
    {
        "multi_prompt": [
            {"prompt": "A woman walks toward the camera smiling, cinematic lighting", "duration": 5},
            {"prompt": "She turns and looks out a window, soft focus background", "duration": 5},
        ],
        "input_image": ["https://example.com/reference-face.jpg"],
    },
    {
        "multi_prompt": [{"prompt": "@Element1 picks up a coffee cup from the table", "duration": 5}],
        "start_image_url": "https://example.com/first-frame.jpg",
        "tail_image_url": "https://example.com/last-frame.jpg",
        "elements": [
            {
                "frontal_image_url": "https://example.com/character-front.jpg",
                "reference_image_urls": ["https://example.com/character-side.jpg"],
            }
        ],
        "aspect_ratio": "16:9",
        "generate_audio": True,
    },
    {"multi_prompt": [{"prompt": "A person speaking into a microphone", "duration": 5}], "generate_audio": True},
]
