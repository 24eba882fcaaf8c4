//! Recipes that are right, and every way in which they can be wrong.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::architecture::Architecture;
use super::directory::RecipeDirectory;
use super::error::RecipeError;
use super::output::Output;
use super::plan::{Plan, Selection};

const TREE: &str =
    "about = \"A tree.\"\noutput = \"directory\"\narchitectures = [\"amd64\", \"arm64\"]\nsuite = \"bookworm\"\n";
const CARD: &str = "about = \"A card.\"\noutput = \"sd\"\narchitectures = [\"arm64\"]\nsuite = \"bookworm\"\n\
                    [disk]\nboot_mb = 64\nroot_free_mb = 10\n";

/// Makes a directory of recipes with these files.
fn directory_of(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn selection(architecture: Architecture) -> Selection {
    Selection { architecture, kinds: None, preinstall: None, debs: Vec::new(), epoch: 1_704_067_200 }
}

fn plan_with(directory: &Path, name: &str, selection: &Selection) -> Result<Plan, RecipeError> {
    Plan::make(&RecipeDirectory::open(Some(directory))?, name, selection)
}

fn plan(directory: &TempDir, name: &str) -> Result<Plan, RecipeError> {
    plan_with(directory.path(), name, &selection(Architecture::Arm64))
}

/// Returns the error of a recipe that consists of these files, without the directory's own name.
fn refused(files: &[(&str, &str)]) -> String {
    let directory = directory_of(files);
    let error = plan(&directory, "tree").map(|plan| plan.name).unwrap_err().to_string();
    error.replace(&format!("{}/", directory.path().canonicalize().unwrap().display()), "")
}

#[test]
fn steps_of_recipe_parts_and_kinds_are_one_list() {
    let directory = directory_of(&[
        ("tree/recipe.toml", &format!("{TREE}parts = [\"p\", \"q\"]\n")),
        ("tree/30-last.script", ""),
        ("tree/10-all.packages", "# why\nbash  # said\n\ngit\nlinux-image-arm64/bookworm-backports\n"),
        ("tree/kinds/generic/20-generic.packages", "python3\ngit\n"),
        ("tree/kinds/helloworld/20-helloworld.packages", "# nothing\n"),
        ("tree/kinds/java/20-java.packages", "# nothing\n"),
        ("tree/kinds/mysql/20-mysql.packages", "# nothing\n"),
        ("tree/kinds/slurm/20-slurm.packages", "slurmctld\n"),
        ("tree/kinds/php/20-php.packages", "# nothing\n"),
        ("tree/kinds/xtreemfs/20-xtreemfs.packages", "# nothing\n"),
        ("tree/files/data", "x"),
        ("tree/README.md", "x"),
        ("parts/p/20-pi.arm64.script", ""),
        ("parts/p/20-pc.amd64.script", ""),
        ("parts/p/21-old.bookworm.script", ""),
        ("parts/p/21-new.trixie.script", ""),
        ("parts/p/01-early.overlay/etc/x", "x"),
        ("parts/q/25-in.chroot", ""),
    ]);
    let plan = plan(&directory, "tree").unwrap();
    assert_eq!(plan.name, "tree-arm64");
    assert_eq!(plan.packages, ["bash", "git", "linux-image-arm64/bookworm-backports", "python3"]);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["20-pi.arm64.script", "21-old.bookworm.script", "25-in.chroot", "30-last.script"]);
    assert_eq!(plan.early.len(), 1);
    let chosen =
        Selection { kinds: Some(vec!["slurm".to_owned(), "generic".to_owned()]), ..selection(Architecture::Amd64) };
    let plan = plan_with(directory.path(), "tree", &chosen).unwrap();
    assert_eq!(plan.name, "tree-amd64+generic+slurm");
    assert!(plan.packages.contains(&"slurmctld".to_owned()) && plan.steps[0].name == "20-pc.amd64.script");
}

#[test]
fn a_disk_has_what_its_recipe_leaves_out() {
    let directory = directory_of(&[("card/recipe.toml", CARD)]);
    let Output::Sd(layout, None) = plan(&directory, "card").unwrap().recipe.output else { panic!("it is a card") };
    assert_eq!((layout.boot_label.as_str(), layout.root_label.as_str()), ("BOOT", "conpaas-root"));
}

#[test]
fn the_keys_follow_from_what_goes_in() {
    let directory = directory_of(&[
        ("tree/recipe.toml", TREE),
        ("tree/10-a.packages", "git\n"),
        ("tree/20-b.script", "echo\n"),
        ("tree/files/data", "1"),
        ("card/recipe.toml", &CARD.replace("[disk]", "[[embed]]\nrecipe = \"tree\"\nto = \"/x\"\n[disk]")),
    ]);
    let keys = || {
        let (tree, card) = (plan(&directory, "tree").unwrap(), plan(&directory, "card").unwrap());
        (tree.bootstrap_key.to_string(), tree.root_key.to_string(), card.root_key.to_string())
    };
    let first = keys();
    assert_eq!(first, keys());
    // A comment changes no package, a script changes no package either, but what is made of them.
    fs::write(directory.path().join("tree/10-a.packages"), "git # why\n").unwrap();
    assert_eq!(first, keys());
    fs::write(directory.path().join("tree/files/data"), "2").unwrap();
    let second = keys();
    assert_eq!(first.0, second.0);
    assert!(first.1 != second.1 && first.2 != second.2);
    fs::write(directory.path().join("tree/10-a.packages"), "git\nbash\n").unwrap();
    assert!(keys().0 != second.0 && keys().2 != second.2);
}

#[test]
fn a_wrong_recipe_toml_is_told_by_line_or_key() {
    let toml = |text: &str| refused(&[("tree/recipe.toml", text)]);
    let unknown = toml(&format!("{TREE}abuot = \"x\"\n"));
    assert!(unknown.starts_with("tree/recipe.toml line 5: unknown field `abuot`"), "{unknown}");
    assert!(toml("about = \"x\"\n").contains("missing field `output`"));
    let wrong = [
        (TREE.replace("amd64", "mips"), "unknown variant `mips`"),
        (TREE.replace("\"amd64\", \"arm64\"", ""), "architectures: name at least one"),
        (TREE.replace("A tree.", ""), "about: say in one line"),
        (TREE.replace("bookworm", "book worm"), "suite: 'book worm' cannot be used there"),
        (format!("{TREE}parts = [\"../p\"]\n"), "parts: '../p' cannot be used there"),
        (format!("{TREE}[disk]\nboot_mb = 64\nroot_mb = 9\n"), "disk: means nothing for this output"),
        (TREE.replace("directory", "sd"), "disk: is missing"),
        (format!("{}[disk]\nboot_mb = 64\n", TREE.replace("directory", "sd")), "either root_mb or root_free_mb"),
        (
            format!("{}[disk]\nboot_mb = 6\nroot_mb = 9\n", TREE.replace("directory", "sd")),
            "disk.boot_mb: must be from",
        ),
        (format!("{TREE}[[embed]]\nrecipe = \"x\"\nto = \"/a/../b\"\n"), "embed.to: '/a/../b' must be"),
        (format!("{TREE}[[embed]]\nrecipe = \"x\"\nto = \"a\"\n"), "embed.to: 'a' must be"),
        ("about = \n".to_owned(), "line 1"),
    ];
    for (text, part) in wrong {
        let error = toml(&text);
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_wrong_step_is_told_by_its_path() {
    let step = |path: &str, text: &str| refused(&[("tree/recipe.toml", TREE), (path, text)]);
    assert!(step("tree/1-x.script", "").starts_with("tree/1-x.script is no step: call it NN-name.packages"));
    assert!(step("tree/10-x.mips.script", "").starts_with("tree/10-x.mips.script is no step"));
    assert!(step("tree/notes.txt", "").contains("is no step"));
    assert_eq!(step("tree/10-x.script/file", ""), "tree/10-x.script must be a file");
    assert_eq!(step("tree/10-x.overlay", ""), "tree/10-x.overlay must be a directory");
    assert_eq!(step("tree/10-x.deb/usr/x", ""), "tree/10-x.deb must be the tree of a package, with DEBIAN/control");
    assert!(step("tree/05-x.packages", "git").contains("steps 00 to 09 come before the packages"));
    assert!(step("tree/50-x.boot", "").contains("a directory has no boot partition"));
    for text in ["a", "Git", "git curl", "git;", "--yes", "git/", "git/book worm"] {
        let error = step("tree/10-x.packages", &format!("# why\n{text}\n"));
        assert_eq!(error, format!("tree/10-x.packages line 2: '{text}' is no package's name"));
    }
}

#[test]
fn what_a_recipe_names_must_be_there() {
    let parts = format!("{TREE}parts = [\"p\"]\n");
    assert!(refused(&[("tree/recipe.toml", &parts)]).contains("names the part 'p', and there is no directory parts/p"));
    let same = refused(&[("tree/recipe.toml", &parts), ("tree/10-x.script", ""), ("parts/p/10-x.script", "")]);
    assert_eq!(same, "tree/10-x.script and parts/p/10-x.script have the same name: rename one of them");
    let debs = refused(&[("tree/recipe.toml", &format!("{TREE}debs = [\"conpaas\"]\n"))]);
    assert!(debs.contains("needs the Debian package conpaas for arm64: `make dist ARCH=arm64`"), "{debs}");
    let unknown = refused(&[("other/recipe.toml", TREE), ("card/recipe.toml", CARD)]);
    assert_eq!(unknown, "there is no recipe 'tree'; there is card, other");
    let only = refused(&[("tree/recipe.toml", &TREE.replace(", \"arm64\"", ""))]);
    assert_eq!(only, "recipe tree cannot be made for arm64, only for amd64");
    assert!(RecipeDirectory::open(Some(Path::new("/nonexistent"))).unwrap_err().to_string().contains("--recipes DIR"));
}

#[test]
fn recipes_that_contain_each_other_are_told_as_a_circle() {
    let embed = |name: &str| format!("{TREE}[[embed]]\nrecipe = \"{name}\"\nto = \"/x\"\n");
    let circle = refused(&[("tree/recipe.toml", &embed("other")), ("other/recipe.toml", &embed("tree"))]);
    assert_eq!(circle, "these recipes contain each other: tree → other → tree");
    // Twice the same is no circle.
    let twice = format!("{}[[embed]]\nrecipe = \"other\"\nto = \"/y\"\n", embed("other"));
    let directory = directory_of(&[("tree/recipe.toml", &twice), ("other/recipe.toml", TREE)]);
    assert_eq!(plan(&directory, "tree").unwrap().embeds.len(), 2);
}

#[test]
fn a_choice_must_mean_something() {
    let directory = directory_of(&[
        ("tree/recipe.toml", TREE),
        ("tree/kinds/generic/20-g.packages", ""),
        ("card/recipe.toml", CARD),
    ]);
    let chosen = |kinds: &[&str]| Selection {
        kinds: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        ..selection(Architecture::Arm64)
    };
    let error = plan_with(directory.path(), "tree", &chosen(&["php"])).map(|plan| plan.name).unwrap_err().to_string();
    assert!(error.contains("nothing for the service kind 'php'") && error.ends_with("there is generic"), "{error}");
    let error =
        plan_with(directory.path(), "card", &chosen(&["generic"])).map(|plan| plan.name).unwrap_err().to_string();
    assert!(error.contains("--service and --preinstall mean nothing"), "{error}");
}

#[test]
fn every_kind_of_service_has_its_packages_in_the_containers_root() {
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/services/kinds");
    for kind in crate::service::kind_names() {
        let target = super::step::Target { architecture: Architecture::Arm64, suite: "trixie" };
        let steps = super::step::read_steps(&kinds.join(kind), target);
        let steps = steps.unwrap_or_else(|error| panic!("images/services/kinds/{kind}: {error}"));
        let has_packages = steps.iter().any(|step| step.kind == super::step::StepKind::Packages);
        assert!(has_packages, "images/services/kinds/{kind} names no packages: add NN-{kind}.packages");
    }
}
