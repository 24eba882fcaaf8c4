//! What classes and pages tell of a program.

/// What classes and pages tell of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Traits {
    /// Whether they name `javax.servlet`.
    pub names_javax: bool,
    /// Whether they name `jakarta.servlet`.
    pub names_jakarta: bool,
    /// Patterns that annotated servlets may have.
    pub patterns: Vec<String>,
    /// Whether they may put a servlet or a filter anywhere while they run.
    pub is_opaque: bool,
}

/// What a class names that puts servlets and filters at paths which nothing else tells.
const OPAQUE: [&str; 5] = [
    "servlet/annotation/WebFilter;",
    "servlet/FilterRegistration",
    "servlet/ServletRegistration",
    "servlet/ServletContainerInitializer",
    "servlet/DispatcherType",
];

impl Traits {
    /// Takes the constants of a class.
    pub(super) fn add_class(&mut self, constants: &[String]) {
        let names = |part: &str| constants.iter().any(|constant| constant.contains(part));
        self.names_javax |= names("javax/servlet/");
        self.names_jakarta |= names("jakarta/servlet/");
        let adds_by_name = constants.iter().any(|constant| constant == "addFilter" || constant == "addServlet");
        self.is_opaque |= adds_by_name || OPAQUE.iter().any(|part| names(part));
        if names("servlet/annotation/WebServlet;") {
            // Which of its constants are patterns is not asked: one too many only makes Tomcat answer for more.
            let patterns = constants.iter().filter(|text| text.starts_with('/') || text.starts_with("*."));
            self.patterns.extend(patterns.cloned());
        }
    }

    /// Takes the text of a page or of a library of tags.
    pub(super) fn add_page(&mut self, text: &str) {
        self.names_javax |= text.contains("javax.servlet.");
        self.names_jakarta |= text.contains("jakarta.servlet.");
    }
}
