//! The report as a self-contained HTML file.

pub(crate) mod explore;
pub(crate) mod page;

use crate::canvas::escaped;
use crate::citation::Reference;
use crate::figure::Figure;

/// A self-contained HTML file: no external resources, readable on light and dark screens and on paper, and without
/// scripts, except for a part to explore, which is hidden without one. All text is escaped. The same content gives the same
/// bytes.
#[derive(Clone, Debug, Default)]
pub struct Report {
    title: String,
    summary: String,
    results: Vec<(String, String)>,
    sections: Vec<Section>,
    explored: Option<String>,
    references: Vec<Reference>,
    provenance: Option<Provenance>,
}

/// Section of a report, with its parts in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Section {
    heading: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Table(Table),
    Figure(Figure, String),
}

/// A table; columns of numbers are right-aligned.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Caption of the table.
    pub caption: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each with one cell per column.
    pub rows: Vec<Vec<String>>,
}

/// Provenance of the results in a report.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// Stages that led to the results, the last one first.
    pub stages: Vec<Stage>,
    /// The whole resolved config, as JSON, collapsed by default.
    pub config: String,
}

/// A run of a program.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Program and version.
    pub program: String,
    /// Seed of its random numbers.
    pub seed: u64,
    /// Files that it read, each with its SHA-256.
    pub inputs: Vec<(String, String)>,
}

impl Report {
    /// Creates a report with this title.
    pub fn new(title: &str) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a sentence or two below the title.
    #[must_use]
    pub fn summary(mut self, text: &str) -> Self {
        self.summary = text.into();
        self
    }

    /// Adds a key result to the table at the top, such as `Performance` and `0.97 (0.92–0.99)`.
    #[must_use]
    pub fn result(mut self, name: &str, value: &str) -> Self {
        self.results.push((name.into(), value.into()));
        self
    }

    /// Adds the next section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds the part that can be explored, with its data as JSON, after the results.
    #[must_use]
    pub(crate) fn explored(mut self, data: Option<String>) -> Self {
        self.explored = data;
        self
    }

    /// Adds the papers and software that the results rest on, after the sections.
    #[must_use]
    pub fn references(mut self, references: Vec<Reference>) -> Self {
        self.references = references;
        self
    }

    /// Adds the provenance of the results, at the end.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }

    /// Renders the HTML file.
    pub fn html(&self) -> String {
        let mut html = page::head(&self.title, STYLE, if self.explored.is_some() { SCRIPT } else { "" });
        html.push_str(&paragraphs(&self.summary));
        if !self.results.is_empty() {
            html.push_str("<table class=\"results\">\n<tbody>\n");
            for (name, value) in &self.results {
                html.push_str(&format!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                    escaped(name),
                    escaped(value)
                ));
            }
            html.push_str("</tbody>\n</table>\n");
        }
        if let Some(data) = &self.explored {
            html.push_str(&format!(
                "<section id=\"explore\" hidden>\n<h2>Explore</h2>\n<svg width=\"0\" height=\"0\" aria-hidden=\"true\"></svg>\n\
                 </section>\n<script type=\"application/json\" id=\"data\">{data}</script>\n"
            ));
        }
        let mut numbers = Numbers::default();
        for section in &self.sections {
            html.push_str(&section.html(&mut numbers));
        }
        html.push_str(&references_html(&self.references));
        if let Some(provenance) = &self.provenance {
            html.push_str(&provenance.html());
        }
        if self.explored.is_some() {
            html.push_str(&page::script(SCRIPT));
        }
        html.push_str(page::END);
        html
    }
}

/// Number of figures and tables so far.
#[derive(Default)]
struct Numbers {
    figures: usize,
    tables: usize,
}

impl Section {
    /// Creates a section with this heading.
    pub fn new(heading: &str) -> Self {
        Self { heading: heading.into(), parts: Vec::new() }
    }

    /// Adds text; an empty line starts a new paragraph.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.parts.push(Part::Table(table));
        self
    }

    /// Adds a figure with its caption. The description of the figure is its alternative text.
    #[must_use]
    pub fn figure(mut self, figure: Figure, caption: &str) -> Self {
        self.parts.push(Part::Figure(figure, caption.into()));
        self
    }

    fn html(&self, numbers: &mut Numbers) -> String {
        let mut html = format!("<section>\n<h2>{}</h2>\n", escaped(&self.heading));
        for group in self.parts.chunk_by(|a, b| a.is_figure() && b.is_figure()) {
            let parts: String = group.iter().map(|part| part.html(numbers)).collect();
            match group[0].is_figure() {
                true => html.push_str(&format!("<div class=\"figures\">\n{parts}</div>\n")),
                false => html.push_str(&parts),
            }
        }
        html.push_str("</section>\n");
        html
    }
}

impl Part {
    fn is_figure(&self) -> bool {
        matches!(self, Self::Figure(..))
    }

    fn html(&self, numbers: &mut Numbers) -> String {
        match self {
            Self::Text(text) => paragraphs(text),
            Self::Table(table) => {
                numbers.tables += 1;
                table.html(numbers.tables)
            }
            Self::Figure(figure, caption) => {
                numbers.figures += 1;
                figure_html(figure, caption, numbers.figures)
            }
        }
    }
}

impl Table {
    /// True if every cell of a column starts like a number.
    fn is_numeric(&self, column: usize) -> bool {
        !self.rows.is_empty() && self.rows.iter().filter_map(|row| row.get(column)).all(|cell| is_number(cell))
    }

    fn html(&self, number: usize) -> String {
        let numeric: Vec<bool> = (0..self.columns.len()).map(|column| self.is_numeric(column)).collect();
        let row = |cells: &[String], open: &str, close: &str| {
            let class = |column| if numeric.get(column) == Some(&true) { " class=\"number\"" } else { "" };
            let cell =
                |(column, text): (usize, &String)| format!("<{open}{}>{}</{close}>", class(column), escaped(text));
            format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
        };
        let head = row(&self.columns, "th scope=\"col\"", "th");
        let body: String = self.rows.iter().map(|cells| row(cells, "td", "td")).collect();
        let caption = escaped(&self.caption);
        format!(
            "<div class=\"table\"><table>\n<caption><b>Table {number}.</b> {caption}</caption>\n<thead>\n{head}</thead>\n\
             <tbody>\n{body}</tbody>\n</table></div>\n"
        )
    }
}

impl Provenance {
    fn html(&self) -> String {
        let row = |name: &str, value: String| format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n");
        let mut rows = String::new();
        for stage in &self.stages {
            rows.push_str(&row("Program", format!("{}, seed {}", escaped(&stage.program), stage.seed)));
            for (file, sha256) in &stage.inputs {
                rows.push_str(&row("Input", format!("{}<br><code>SHA-256 {}</code>", escaped(file), escaped(sha256))));
            }
        }
        let config = escaped(&self.config);
        format!(
            "<section>\n<h2>Provenance</h2>\n<table class=\"results\">\n<tbody>\n{rows}</tbody>\n</table>\n\
             <details>\n<summary>Config</summary>\n<pre>{config}</pre>\n</details>\n</section>\n"
        )
    }
}

/// List of references, with their BibTeX collapsed.
fn references_html(references: &[Reference]) -> String {
    if references.is_empty() {
        return String::new();
    }
    let item = |reference: &Reference| {
        let reasons = escaped(&reference.reasons.join("; "));
        format!("<li>{} <span class=\"soft\">{reasons}</span></li>\n", escaped(&reference.text()))
    };
    let items: String = references.iter().map(item).collect();
    let bibtex: Vec<&str> = references.iter().map(|reference| reference.bibtex.as_str()).collect();
    format!(
        "<section>\n<h2>References</h2>\n<p>What these results rest on; please cite it with them.</p>\n<ol>\n{items}</ol>\n\
         <details>\n<summary>BibTeX</summary>\n<pre>{}</pre>\n</details>\n</section>\n",
        escaped(&bibtex.join("\n\n"))
    )
}

fn paragraphs(text: &str) -> String {
    let paragraph = |text: &str| format!("<p>{}</p>\n", escaped(text.trim()));
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(paragraph).collect()
}

fn figure_html(figure: &Figure, caption: &str, number: usize) -> String {
    let class = if figure.is_wide() { " class=\"wide\"" } else { "" };
    format!(
        "<figure{class}>\n<div>{}</div>\n<figcaption><b>Figure {number}.</b> {}</figcaption>\n</figure>\n",
        inline(figure),
        escaped(caption)
    )
}

/// SVG of a figure inside HTML, as wide as its column.
fn inline(figure: &Figure) -> String {
    let (head, body) = figure.svg().split_once('>').unwrap_or_default();
    // The namespace is implied, and its address would look like an external resource.
    let attributes = head.split_once(" viewBox=").map_or("", |(_, attributes)| attributes);
    format!("<svg viewBox={attributes}>{body}")
}

/// True if a cell starts like a number.
fn is_number(text: &str) -> bool {
    text.trim_start_matches(['-', '−', '+', '±', '<', '≤', '≥', ' ']).starts_with(|c: char| c.is_ascii_digit())
}

/// Script of the part that can be explored.
const SCRIPT: &str = include_str!("explore.js");
/// Style of every page.
pub(crate) const STYLE: &str = include_str!("style.css");
