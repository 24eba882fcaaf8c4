//! Web applications in Java, made by the compiler that Tomcat itself has in the containers' root file system.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Runs the compiler in the root `$1`, on what lies in `$2`. The test's world ends, and its mounts with it.
const COMPILE: &str = "
set -eu
mount -t proc proc \"$1/proc\"
mount --bind \"$2\" \"$1/mnt\"
compiler=/usr/share/java/eclipse-jdt-core-compiler-batch.jar
status=0
chroot \"$1\" /usr/bin/java -cp $compiler org.eclipse.jdt.internal.compiler.batch.Main -proc:none -11 \
    -cp \"$(cd \"$1\" && printf '/%s:' usr/share/tomcat10/lib/*api.jar)\" -d /mnt/classes /mnt/source || status=$?
umount \"$1/mnt\" \"$1/proc\"
exit $status
";

/// What the old name of servlets looked like, as far as [`OLD`] needs it; none of it is packed.
const OLD_NAMES: [(&str, &str); 4] = [
    (
        "HttpServlet",
        "package javax.servlet.http; public abstract class HttpServlet {\n\
         protected void doGet(HttpServletRequest q, HttpServletResponse s) throws java.io.IOException {} }",
    ),
    (
        "HttpServletRequest",
        "package javax.servlet.http; public interface HttpServletRequest { String getRequestURI(); }",
    ),
    (
        "HttpServletResponse",
        "package javax.servlet.http; public interface HttpServletResponse { java.io.PrintWriter getWriter(); }",
    ),
    (
        "WebServlet",
        "package javax.servlet.annotation; import java.lang.annotation.*;\n\
         @Retention(RetentionPolicy.RUNTIME) public @interface WebServlet { String[] value(); }",
    ),
];
const OLD: &str = "import javax.servlet.http.*; import javax.servlet.annotation.*;\n\
    @WebServlet(\"/hello\") public class Old extends HttpServlet {\n\
    protected void doGet(HttpServletRequest q, HttpServletResponse s) throws java.io.IOException {\n\
    s.getWriter().println(\"an old one at \" + q.getRequestURI()); } }";
const HELLO: &str = "import jakarta.servlet.http.*; import jakarta.servlet.annotation.*;\n\
    @WebServlet(\"/hello\") public class Hello extends HttpServlet {\n\
    protected void doGet(HttpServletRequest q, HttpServletResponse s) throws java.io.IOException {\n\
    s.getWriter().println(\"hello \" + q.getHeader(\"Host\") + \" \" + q.getRemoteAddr()); } }";
/// A servlet without annotation: the descriptor says where it is.
const SHOP: &str = "import jakarta.servlet.http.*;\n\
    public class Shop extends HttpServlet {\n\
    protected void doGet(HttpServletRequest q, HttpServletResponse s) throws java.io.IOException {\n\
    s.getWriter().println(\"shop \" + q.getPathInfo()); } }";
/// Sends an event, and another one once the page `/go` was asked for.
const EVENTS: &str = "import jakarta.servlet.http.*; import jakarta.servlet.annotation.*;\n\
    @WebServlet({\"/events\", \"/go\"}) public class Events extends HttpServlet {\n\
    static final java.util.concurrent.Semaphore GO = new java.util.concurrent.Semaphore(0);\n\
    protected void doGet(HttpServletRequest q, HttpServletResponse s) throws java.io.IOException {\n\
    if (q.getServletPath().equals(\"/go\")) { GO.release(); return; }\n\
    s.setContentType(\"text/event-stream\"); s.getWriter().print(\"data: one\\n\\n\"); s.flushBuffer(); String t = \"late\";\n\
    try { if (GO.tryAcquire(30, java.util.concurrent.TimeUnit.SECONDS)) t = \"two\"; } catch (InterruptedException e) {}\n\
    s.getWriter().print(\"data: \" + t + \"\\n\\n\"); } }";
const UPLOAD: &str = "import jakarta.servlet.http.*; import jakarta.servlet.annotation.*; import java.util.zip.*;\n\
    @WebServlet(\"/upload\") @MultipartConfig public class Upload extends HttpServlet {\n\
    protected void doPost(HttpServletRequest q, HttpServletResponse s)\n\
    throws java.io.IOException, jakarta.servlet.ServletException {\n\
    CheckedInputStream in = new CheckedInputStream(q.getPart(\"file\").getInputStream(), new CRC32());\n\
    long n = 0; byte[] b = new byte[65536]; for (int k; (k = in.read(b)) > 0; ) n += k;\n\
    s.getWriter().println(n + \" \" + String.format(\"%08x\", in.getChecksum().getValue())); } }";
const SOCKET: &str = "import jakarta.websocket.*; import jakarta.websocket.server.*;\n\
    @ServerEndpoint(\"/socket\") public class Socket {\n\
    @OnMessage public String echo(String text) { return \"echo \" + text; } }";
const FAILING: &str = "import jakarta.servlet.*; import jakarta.servlet.annotation.*;\n\
    @WebListener public class Failing implements ServletContextListener {\n\
    public void contextInitialized(ServletContextEvent e) { throw new IllegalStateException(\"no database\"); } }";
const DESCRIPTOR: &str = "<web-app xmlns='https://jakarta.ee/xml/ns/jakartaee' version='6.0'>\n\
    <servlet><servlet-name>shop</servlet-name><servlet-class>Shop</servlet-class></servlet>\n\
    <servlet-mapping><servlet-name>shop</servlet-name><url-pattern>/shop/*</url-pattern></servlet-mapping>\n\
    <security-constraint><web-resource-collection><web-resource-name>x</web-resource-name>\n\
    <url-pattern>/secret/*</url-pattern></web-resource-collection><auth-constraint/></security-constraint></web-app>\n";

/// The wars of a test.
pub(super) struct Wars {
    place: PathBuf,
}

impl Wars {
    /// Compiles all classes; `image` is the root file system that has the compiler.
    pub(super) fn new(image: &Path, state: &Path) -> Wars {
        let place = state.join("wars");
        let old = OLD_NAMES.iter().map(|(name, text)| (*name, *text));
        let own = [("Old", OLD), ("Hello", HELLO), ("Shop", SHOP), ("Failing", FAILING)];
        let long = [("Events", EVENTS), ("Upload", UPLOAD), ("Socket", SOCKET)];
        for (name, text) in old.chain(own).chain(long) {
            let package =
                text.strip_prefix("package ").and_then(|text| text.split_once(';')).map_or("", |(name, _)| name);
            let directory = place.join("source").join(package.replace('.', "/"));
            fs::create_dir_all(&directory).expect("it is writable");
            fs::write(directory.join(format!("{name}.java")), text).expect("it is writable");
        }
        fs::create_dir_all(place.join("classes")).expect("it is writable");
        let output = Command::new("sh").args(["-c", COMPILE, "sh"]).arg(image).arg(&place).output();
        let output = output.expect("there is a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Wars { place }
    }

    /// A war for `jakarta.servlet`, whose pages say `word`.
    pub(super) fn shop(&self, word: &str) -> PathBuf {
        let count = format!(
            "<% Integer n = (Integer) session.getAttribute(\"n\"); n = n == null ? 1 : n + 1;\n\
             session.setAttribute(\"n\", n); %><%= n %> {word} <%= request.getLocalAddr() %>\n"
        );
        self.pack(
            &format!("shop-{word}.war"),
            &[
                ("WEB-INF/web.xml", DESCRIPTOR.as_bytes().to_vec()),
                ("WEB-INF/classes/Hello.class", self.class("Hello")),
                ("WEB-INF/classes/Shop.class", self.class("Shop")),
                ("WEB-INF/classes/Events.class", self.class("Events")),
                ("WEB-INF/classes/Upload.class", self.class("Upload")),
                ("WEB-INF/classes/Socket.class", self.class("Socket")),
                ("count.jsp", count.into_bytes()),
                ("style.css", format!("body {{}} {word}\n").into_bytes()),
                ("secret/style.css", b"secret\n".to_vec()),
                ("index.html", format!("<!DOCTYPE html> {word}\n").into_bytes()),
            ],
        )
    }

    /// A war for `javax.servlet`.
    pub(super) fn old(&self) -> PathBuf {
        let page = "<%@ page import=\"javax.servlet.http.HttpServletRequest\" %>\
                    <%= ((HttpServletRequest) request).getMethod() %>\n";
        let files = [("WEB-INF/classes/Old.class", self.class("Old")), ("old.jsp", page.as_bytes().to_vec())];
        self.pack("old.war", &files)
    }

    /// A war whose program does not start.
    pub(super) fn failing(&self) -> PathBuf {
        self.pack("failing.war", &[("WEB-INF/classes/Failing.class", self.class("Failing"))])
    }

    /// Packs files under a name.
    pub(super) fn pack(&self, name: &str, files: &[(&str, Vec<u8>)]) -> PathBuf {
        let path = self.place.join(name);
        let mut war = ZipWriter::new(fs::File::create(&path).expect("it is writable"));
        for (name, content) in files {
            war.start_file(*name, SimpleFileOptions::default()).expect("it is writable");
            war.write_all(content).expect("it is writable");
        }
        war.finish().expect("it is writable");
        path
    }

    fn class(&self, name: &str) -> Vec<u8> {
        fs::read(self.place.join("classes").join(format!("{name}.class"))).expect("it was compiled")
    }
}
