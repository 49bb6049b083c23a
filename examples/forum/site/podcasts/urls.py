"""Pages about podcasts."""

from django.urls import path

from . import views

app_name = "podcasts"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<slug:slug>/", views.page, name="show"),
]
