"""Pages of channels."""

from django.urls import path

from . import views

app_name = "channels"
urlpatterns = [
    path("", views.listing, name="list"),
    path("<slug:slug>/", views.channel, name="channel"),
    path("<slug:slug>/<int:pk>/", views.post, name="post"),
]
