import base64
import re

import pytest

from emprox.reproduction._report import (
    Bullets,
    Command,
    Picture,
    Report,
    Section,
    Table,
    Text,
)

PNG = b"\x89PNG\r\n\x1a\n not a real one"
NASTY = 'a < b & "c" | *d* _e_ `f` [g](h) \\ x_y'


@pytest.fixture
def report():
    return Report(
        NASTY,
        [Text(f"Notice {NASTY}"), Bullets(["first", NASTY])],
        [
            Section(
                "Numbers",
                [
                    Table(
                        ["method", "", NASTY],
                        [["EmProx", "here", "0.53 ± 0.02"], ["", "paper", NASTY]],
                        n_texts=2,
                        quiet=[False, True],
                    ),
                    Picture("a-b.png", f"Caption {NASTY}", PNG),
                ],
            ),
            Section("Rest", [Command("emprox reproduce table1 > out_put"), Text("end")]),
        ],
    )


class TestHTML:
    def test_is_well_formed_and_says_everything(self, report, read_page):
        page = read_page(report.to_html())
        text = "".join(page.texts)
        for part in (f"Notice {NASTY}", "first", f"Caption {NASTY}", "emprox reproduce table1 >"):
            assert part in text
        assert page.tables == [
            [["method", "", NASTY], ["EmProx", "here", "0.53 ± 0.02"], ["", "paper", NASTY]]
        ]
        headings = re.findall(r"<h2>(.*?)</h2>", report.to_html())
        assert headings == ["Numbers", "Rest"]

    def test_needs_nothing_else(self, report, read_page):
        page = read_page(report.to_html())
        for tag, attributes in page.tags:
            assert tag not in ("link", "script", "iframe", "object")
            sources = [attributes[name] for name in ("src", "href") if name in attributes]
            assert all(source.startswith("data:image/png;base64,") for source in sources)
        assert "@import" not in report.to_html()
        assert "url(" not in report.to_html()

    def test_holds_pictures(self, report, read_page):
        (image,) = [
            attributes for tag, attributes in read_page(report.to_html()).tags if tag == "img"
        ]
        assert base64.b64decode(image["src"].partition(",")[2]) == PNG
        assert image["alt"] == f"Caption {NASTY}"

    def test_says_its_width_to_phones(self, report, read_page):
        metas = [
            attributes for tag, attributes in read_page(report.to_html()).tags if tag == "meta"
        ]
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
        assert {"charset": "utf-8"} in metas


class TestMarkdown:
    def test_order(self, report, read_page):
        text = report.to_markdown()
        parts = [
            "# a",
            "Notice",
            "- first",
            "## Numbers",
            "| method |",
            "![",
            "## Rest",
            "    emprox",
        ]
        positions = [text.index(part) for part in parts]
        assert positions == sorted(positions)

    def test_table(self):
        table = Table(["method", "n|m"], [["a", "1"], ["b", "2"]])
        assert table.to_markdown() == "| method | n\\|m |\n| --- | ---: |\n| a | 1 |\n| b | 2 |"

    def test_text_stays_text(self):
        assert Text(NASTY).to_markdown() == (
            'a \\< b & "c" \\| \\*d\\* \\_e\\_ \\`f\\` \\[g\\](h) \\\\ x_y'
        )

    def test_command_is_as_typed(self, report, read_page):
        assert "\n\n    emprox reproduce table1 > out_put\n\n" in report.to_markdown()

    def test_pictures_are_files(self, report, read_page):
        assert "](a-b.png)" in report.to_markdown()
        assert [picture.filename for picture in report.pictures] == ["a-b.png"]
