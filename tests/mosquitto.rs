//! A real Mosquitto, run by pid on free loopback ports with the files of config/mosquitto.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::skip::skip;

/// Whether there is no Mosquitto here; then the test is noted as skipped.
pub(crate) fn is_missing(test: &str) -> bool {
    let needed = ["mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub", "openssl"];
    let missing: Vec<_> = needed.into_iter().filter(|program| find(program).is_none()).collect();
    if !missing.is_empty() {
        skip(test, &format!("not installed: {}", missing.join(", ")));
    }
    !missing.is_empty()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]).map(|dir| Path::new(dir).join(program)).find(|p| p.exists())
}

/// The listeners of config/mosquitto: plain, TLS, TLS with client certificates.
const PORTS: [u16; 3] = [1883, 8883, 8884];

/// The broker. Ends with the test.
pub(crate) struct Mosquitto {
    dir: TempDir,
    /// One for each of `PORTS`.
    ports: [u16; 3],
    process: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with the plain listener and these users; the password of `x@7` is `token-of-x`.
    pub(crate) fn start(users: &[&str]) -> Self {
        Self::with(&["plain.conf"], users)
    }

    /// Starts a broker with all listeners.
    pub(crate) fn secure(users: &[&str]) -> Self {
        Self::with(&["plain.conf", "tls.conf", "tls-certificates.conf"], users)
    }

    /// Starts a broker with all listeners and a gateway, known by `certs/hub.crt` and by the password `token-of-gateway`.
    pub(crate) fn for_gateways(users: &[&str]) -> Self {
        let broker = Self::secure(&[users, &["gateway"]].concat());
        broker.certificate("hub", "gateway", None);
        broker
    }

    fn with(listeners: &[&str], users: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // All are open at once, so that no port is given twice.
        let sockets = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
        drop(sockets);
        for sub in ["conf.d", "certs", "lib"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        let mut broker = Self { dir, ports, process: None };
        broker.copy("mosquitto.conf");
        broker.copy("acl");
        for listener in listeners {
            broker.copy(&format!("conf.d/{listener}"));
        }
        // Run as who runs the test: only root would become somebody else.
        fs::write(broker.path("conf.d/zz-test.conf"), "user root\n").unwrap();
        fs::write(broker.path("users"), "").unwrap();
        for user in users {
            broker.add(user, &format!("token-of-{}", user.split('@').next().unwrap()));
        }
        if listeners.len() > 1 {
            broker.certificate("server", "localhost", Some("subjectAltName=DNS:localhost,IP:127.0.0.1"));
        }
        broker.go();
        broker
    }

    /// A file of config/mosquitto as it stands, but for directories and ports.
    fn copy(&self, name: &str) {
        let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("config/mosquitto"));
        let source = above.find(|dir| dir.is_dir()).expect("the example lies in the workspace");
        let mut text = fs::read_to_string(source.join(name)).unwrap();
        let dir = self.dir.path().to_str().unwrap();
        text =
            text.replace("/var/lib/mosquitto/", &format!("{dir}/lib/")).replace("/etc/mosquitto/", &format!("{dir}/"));
        for (port, given) in PORTS.iter().zip(self.ports) {
            let here = format!("listener {given} 127.0.0.1\n");
            text = text.replace(&format!("listener {port}\n"), &here);
            text = text.replace(&format!("listener {port} 127.0.0.1\n"), &here);
        }
        fs::write(self.path(name), text).unwrap();
    }

    /// Another user.
    pub(crate) fn add(&self, user: &str, password: &str) {
        let users = self.path("users");
        let done = run("mosquitto_passwd", &["-b", users.to_str().unwrap(), user, password]);
        assert!(done.status.success(), "{done:?}");
    }

    /// Starts it, for the first time or again: on the same port, with what it had kept.
    pub(crate) fn go(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let child = Command::new(find("mosquitto").unwrap())
            .args(["-c", self.path("mosquitto.conf").to_str().unwrap()])
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            assert!(since.elapsed() < Duration::from_secs(10), "mosquitto does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it as systemd does.
    pub(crate) fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        self.process.take().expect("it runs").wait().unwrap();
    }

    /// Has it read its users anew.
    pub(crate) fn reload(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    /// Has it do nothing any more, while its sockets stay open.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.as_ref().expect("it runs").id();
        let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The address of the plain listener.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.ports[0])
    }

    /// The address of the listener with TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("mqtts://localhost:{}", self.ports[1])
    }

    /// The address of the listener that asks for certificates.
    pub(crate) fn certificates_url(&self) -> String {
        format!("mqtts://localhost:{}", self.ports[2])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes `certs/NAME.crt` and `.key`, and the authority `certs/ca.crt` before the first of them.
    pub(crate) fn certificate(&self, name: &str, common_name: &str, extension: Option<&str>) {
        let at = |file: String| self.path(&format!("certs/{file}")).to_str().unwrap().to_owned();
        let (ca, ca_key) = (at("ca.crt".into()), at("ca.key".into()));
        let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        if !Path::new(&ca).exists() {
            let request =
                [&["req", "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", &ca_key, "-out", &ca], &ec[..]];
            openssl(&request.concat());
        }
        let (key, request, certificate) =
            (at(format!("{name}.key")), at(format!("{name}.csr")), at(format!("{name}.crt")));
        let subject = format!("/CN={common_name}");
        openssl(&[&["req", "-subj", &subject, "-keyout", &key, "-out", &request], &ec[..]].concat());
        let extensions = at(format!("{name}.ext"));
        let mut text = "basicConstraints=CA:FALSE\n".to_owned();
        extension.into_iter().for_each(|line| writeln!(text, "{line}").unwrap());
        fs::write(&extensions, text).unwrap();
        openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ]);
    }

    /// `mosquitto_pub` or `mosquitto_sub` as this user.
    pub(crate) fn client(&self, program: &str, user: &str, arguments: &[&str]) -> Client {
        let port = self.ports[0].to_string();
        let password = format!("token-of-{}", user.split('@').next().unwrap());
        let common = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-u", user, "-P", &password];
        let mut command = Command::new(find(program).unwrap());
        command.args(common).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Client(command.spawn().unwrap())
    }
}

/// A client that runs; it ends by itself.
pub(crate) struct Client(Child);

impl Client {
    /// Waits for its end: whether it was a good one, and all that it said.
    pub(crate) fn ended(self) -> (bool, String) {
        let output = self.0.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            // It may have ended already, which the test has noticed then.
            let _ended = child.kill().and_then(|()| child.wait());
        }
        if std::thread::panicking() {
            eprintln!("mosquitto said:\n{}", self.log());
        }
    }
}

fn openssl(arguments: &[&str]) {
    let done = run("openssl", arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(find(program).unwrap()).args(arguments).stdin(Stdio::null()).output().unwrap()
}
