"""A person who reads German or Spanish finds nothing else."""

import pytest

from .conftest import Visit
from .screen import Screen

PAGE = "/config/integrations/integration/iiot"


async def open_menu(screen: Screen, configure: str, title: str) -> None:
    await screen.sees("Demo plant")
    await screen.press(configure)
    await screen.sees(title)


@pytest.mark.parametrize(
    ("locale", "configure", "title", "preferences", "check", "submit", "waits"),
    [
        (
            "de-DE",
            "Konfigurieren",
            "Optionen des Standorts",
            "Einstellungen",
            "Verbindung prüfen",
            "OK",
            "Diese Seite geht von selbst weiter",
        ),
        (
            "es-ES",
            "Configurar",
            "Opciones del emplazamiento",
            "Preferencias",
            "Comprobar la conexión",
            "Enviar",
            "Esta página avanza sola",
        ),
    ],
)
async def test_the_options_speak_the_language_of_the_person(
    visit: Visit, locale: str, configure: str, title: str, preferences: str, check: str, submit: str, waits: str
):
    screen = await visit(PAGE, locale=locale)
    await open_menu(screen, configure, title)
    await screen.look(f"options-{locale}")
    await screen.take(preferences)
    await screen.look(f"preferences-{locale}")
    screen = await visit(PAGE, locale=locale)
    await open_menu(screen, configure, title)
    await screen.take(check)
    await screen.look(f"check-connectivity-{locale}")
    await screen.press(submit)
    await screen.sees(waits)
    await screen.keep(f"check-connectivity-listening-{locale}")
