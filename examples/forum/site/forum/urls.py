"""The addresses of the site."""

from django.contrib import admin
from django.contrib.auth import views as accounts
from django.urls import include, path

from channels import views as channels
from forum import views
from podcasts import views as podcasts
from search import views as search

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz),
    path("admin/", admin.site.urls),
    path("login/", accounts.LoginView.as_view(template_name="forum/login.html"), name="login"),
    path("logout/", accounts.LogoutView.as_view(), name="logout"),
    path("register/", views.register, name="register"),
    path("search/", search.page, name="search"),
    path("podcasts/", include("podcasts.urls")),
    path("c/", include("channels.urls")),
    path("api/v0/account/", views.account),
    path("api/v0/search/", search.api),
    path("api/v0/podcasts/", podcasts.shows_api),
    path("api/v0/podcasts/<int:pk>/", podcasts.show_api),
    path("api/v0/podcasts/<int:pk>/episodes/", podcasts.episodes_api),
    path("api/v0/channels/", channels.api),
]
