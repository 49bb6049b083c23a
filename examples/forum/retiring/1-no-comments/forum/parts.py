"""The parts that the site is made of: what is installed, and what can be searched for."""

APPS = ("podcasts", "channels")

# What the search knows by which name; each model says what of it is searched, by `search_texts`.
SEARCHED = {
    "post": "channels.Post",
    "podcast": "podcasts.Show",
    "episode": "podcasts.Episode",
}
