//! Icons: drawings of 24 by 24.

use maud::{Markup, PreEscaped, html};

/// A drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::frontend) enum Icon {
    Apps,
    Node,
    Clock,
    User,
    Coin,
    Globe,
    Database,
    Gear,
    Cup,
    Hand,
    Plus,
    Check,
    Warn,
    Download,
    Shield,
}

impl Icon {
    /// Returns the icon of a kind of service.
    pub(in crate::frontend) fn of_kind(kind: &str) -> Self {
        match kind {
            "php" => Icon::Globe,
            "java" => Icon::Cup,
            "mysql" | "xtreemfs" => Icon::Database,
            "helloworld" => Icon::Hand,
            _ => Icon::Gear,
        }
    }

    fn lines(self) -> &'static str {
        match self {
            Icon::Apps => {
                "M4 4h6.500v6.500H4zM13.500 4H20v6.500h-6.500zM4 13.500h6.500V20H4zM13.500 13.500H20V20h-6.500z"
            }
            Icon::Node => "M3.500 5h17v6h-17zM3.500 13h17v6h-17zM7 8h.01M7 16h.01M11 8h6M11 16h6",
            Icon::Clock => "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 7.500V12l3 2",
            Icon::User => {
                "M12 4.700a3.800 3.800 0 1 0 0 7.600 3.800 3.800 0 0 0 0-7.600zM4.500 20c1-4 4-5.500 7.500-5.500s6.500 1.500 7.500 5.500"
            }
            Icon::Coin => "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM15 9a4 4 0 1 0 0 6",
            Icon::Globe => {
                "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM3.500 12h17M12 3.500c5 5 5 12 0 17M12 3.500c-5 5-5 12 0 17"
            }
            Icon::Database => "M4.500 6c0-4 15-4 15 0s-15 4-15 0v12c0 4 15 4 15 0V6M4.500 12c0 4 15 4 15 0",
            Icon::Gear => {
                "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3.500v2.300M12 18.200v2.300M3.500 12h2.300M18.200 12h2.300M6 6l1.600 1.600M16.400 16.400 18 18M18 6l-1.600 1.600M7.600 16.400 6 18"
            }
            Icon::Cup => {
                "M5 9h11v5a5 5 0 0 1-5 5h-1a5 5 0 0 1-5-5zM16 10.500h1.500a2.500 2.500 0 0 1 0 5H16M8 3.500V6M12 3.500V6"
            }
            Icon::Hand => "M5 5h14v10h-7l-4 4v-4H5zM9 10h6",
            Icon::Plus => "M12 5v14M5 12h14",
            Icon::Check => "m5 12.500 4.500 4.500L19 7.500",
            Icon::Warn => "M12 4 3 19.500h18zM12 10v4M12 17h.01",
            Icon::Download => "M12 5v11M7.500 11.500 12 16l4.500-4.500M5 19.500h14",
            Icon::Shield => "M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6zM9 12l2.200 2.200L15 10.500",
        }
    }
}

/// Draws an icon that says nothing which is not said beside it.
pub(in crate::frontend) fn draw(icon: Icon) -> Markup {
    html! { svg.i viewBox="0 0 24 24" aria-hidden="true" { path d=(icon.lines()) {} } }
}

/// Draws the sign of ConPaaS.
pub(in crate::frontend) fn brand() -> Markup {
    PreEscaped(include_str!("../asset/icon.svg").to_owned())
}
