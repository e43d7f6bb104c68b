"""How Sphinx builds the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

import os
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import emprox

DOCS = Path(__file__).parent
# Processes that joblib starts in an example compute with one thread each, as the example does.
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "emprox"
author = "The emprox developers"
project_copyright = author
version = release = emprox.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# The pages of execution times load scripts from the network.
exclude_patterns = ["_build", "_templates", "**/sg_execution_times.rst", "sg_execution_times.rst"]
templates_path = ["_templates"]
# Names between single backquotes are links where there is something to link to.
default_role = "py:obj"
toc_object_entries_show_parents = "hide"

# The inventories of other projects are on the network: the build does without, unless it is told
# that there is one. References to them are code without a link then.
intersphinx_mapping = {}
if os.environ.get("EMPROX_DOCS_ONLINE"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

autosummary_generate = True
autodoc_typehints = "none"
# Classes have their methods on their page, which the template writes.
numpydoc_show_class_members = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_).*\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "remove_config_comments": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("emprox",),
    "plot_gallery": os.environ.get("EMPROX_DOCS_EXAMPLES", "1") != "0",
    "min_reported_time": 5,
    "first_notebook_cell": "%matplotlib inline",
}

html_theme = "pydata_sphinx_theme"
html_title = "emprox"
html_static_path = ["_static"]
html_css_files = ["emprox.css"]
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_copy_source = False
# The reference and the search find every name.
html_use_index = False
html_domain_indices = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "emprox", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg"},
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "search_bar_text": "Search the documentation",
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Pages that stand alone have no section to navigate in.
html_sidebars = {"index": [], "install": [], "whats_new": []}


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out what a class inherits from other packages, whose documentation has it."""
    function = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    function = getattr(function, "__func__", function)
    module = getattr(function, "__module__", None) or ""
    foreign = callable(function) and module.partition(".")[0] != "emprox"
    return True if foreign else None


def escape_shapes(app, what, name, obj, options, lines):
    """Escape attributes in shapes, such as n_features_in_, which look like links otherwise."""
    for place, line in enumerate(lines):
        if "of shape (" in line:
            lines[place] = re.sub(r"(?<!`)\b(\w+_)(?=[,)])", r"``\1``", line)


def keep_deviations_together(app, doctree):
    """Let no line break separate a mean from its standard deviation."""
    together = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
    for text in list(doctree.findall(nodes.Text)):
        if " ± " in text and not isinstance(text.parent, nodes.literal_block):
            text.parent.replace(text, nodes.Text(text.replace(" ± ", together)))


def write_inline_math(translator, node):
    """Write a formula as MathML, which browsers draw without a script from the network."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def write_block_math(translator, node):
    """Write a formula that stands alone as MathML."""
    translator.body.append(f"<p>{tex2mathml(node.astext(), as_block=True)}</p>")
    raise nodes.SkipNode


def setup(app):
    """Connect what is above with Sphinx."""
    app.connect("autodoc-skip-member", skip_foreign_members)
    # After numpydoc, which has rewritten the docstring by then.
    app.connect("autodoc-process-docstring", escape_shapes, priority=900)
    app.connect("doctree-read", keep_deviations_together)
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(write_inline_math, None),
        block_renderers=(write_block_math, None),
    )


html_math_renderer = "mathml"
