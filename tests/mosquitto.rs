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
    let needed = ["mosquitto", "mosquitto_ctrl", "mosquitto_pub", "mosquitto_sub", "openssl", "python3"];
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

/// The listeners of config/mosquitto: plain, TLS, TLS with certificates of devices, TLS with certificates of gateways.
const PORTS: [u16; 4] = [1883, 8883, 8884, 8885];

/// The password of the account that changes others.
const ADMIN: &str = "token-of-admin";

/// The broker. Ends with the test.
pub(crate) struct Mosquitto {
    dir: TempDir,
    /// One for each of `PORTS`.
    ports: [u16; 4],
    /// A line of each account, for `config/mosquitto/accounts`.
    accounts: String,
    process: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with the plain listener and these users; the password of `x@7` is `token-of-x`. Each has the devices `panel`, which
    /// logs in as `x@7`, and `ear`, which logs in as `x@7/ear`.
    pub(crate) fn start(users: &[&str]) -> Self {
        Self::with(&["plain.conf"], users)
    }

    /// Starts a broker with all listeners.
    pub(crate) fn secure(users: &[&str]) -> Self {
        Self::with(&["plain.conf", "tls.conf", "tls-certificates.conf", "tls-gateways.conf"], users)
    }

    /// Starts a broker with all listeners and a gateway, known by `certs/hub.crt` and by the password `token-of-gateway`.
    pub(crate) fn for_gateways(users: &[&str]) -> Self {
        Self::secure(&[users, &["gateway"]].concat())
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
        let mut broker = Self { dir, ports, accounts: format!("admin:{ADMIN}\n"), process: None };
        broker.copy("mosquitto.conf");
        for listener in listeners {
            broker.copy(&format!("conf.d/{listener}"));
        }
        // Run as who runs the test: only root would become somebody else.
        fs::write(broker.path("conf.d/zz-test.conf"), "user root\n").unwrap();
        for user in users {
            let password = format!("token-of-{}", user.split('@').next().unwrap());
            if user.contains('@') {
                broker.account(&format!("{user}/panel"), &password);
                broker.account(&format!("{user}/ear"), &password);
            } else {
                broker.account(user, &password);
            }
        }
        if listeners.len() > 1 {
            broker.certificate("server", "localhost", Some("subjectAltName=DNS:localhost,IP:127.0.0.1"));
            broker.certificate_of("gateways-ca", "hub", "gateway", None);
        }
        broker.write_accounts();
        broker.go();
        broker
    }

    /// A file of config/mosquitto as it stands, but for directories and ports.
    fn copy(&self, name: &str) {
        let mut text = fs::read_to_string(example(name)).unwrap();
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

    /// One more account, `USER@APP/DEVICE`; another one of the same name makes way. It counts from the next start on.
    pub(crate) fn account(&mut self, name: &str, password: &str) {
        let others = self.accounts.lines().filter(|line| line.split(':').next() != Some(name));
        self.accounts = others.map(|line| format!("{line}\n")).collect::<String>() + &format!("{name}:{password}\n");
    }

    /// Changes the password of an account while the broker runs.
    pub(crate) fn set_password(&self, login: &str, password: &str) {
        let port = self.ports[0].to_string();
        let common = ["-h", "127.0.0.1", "-p", &port, "-u", "admin", "-P", ADMIN];
        let change = ["dynsec", "setClientPassword", login, password];
        let done = run("mosquitto_ctrl", &[&common[..], &change].concat());
        assert!(done.status.success(), "{done:?}");
    }

    fn write_accounts(&self) {
        fs::write(self.path("list"), &self.accounts).unwrap();
        let list = fs::File::open(self.path("list")).unwrap();
        let accounts = fs::File::create(self.path("dynamic-security.json")).unwrap();
        let done = Command::new(example("accounts")).stdin(list).stdout(accounts).status().unwrap();
        assert!(done.success());
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
        self.write_accounts();
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

    /// The address of the listener for gateways.
    pub(crate) fn gateways_url(&self) -> String {
        format!("mqtts://localhost:{}", self.ports[3])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes `certs/NAME.crt` and `.key`, and the authority `certs/ca.crt` before the first of them.
    pub(crate) fn certificate(&self, name: &str, common_name: &str, extension: Option<&str>) {
        self.certificate_of("ca", name, common_name, extension);
    }

    /// The same by another authority.
    fn certificate_of(&self, authority: &str, name: &str, common_name: &str, extension: Option<&str>) {
        let at = |file: String| self.path(&format!("certs/{file}")).to_str().unwrap().to_owned();
        let (ca, ca_key) = (at(format!("{authority}.crt")), at(format!("{authority}.key")));
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

    /// `mosquitto_pub` or `mosquitto_sub` as this account: `x@7` is the panel, `x@7/ear` the other device.
    pub(crate) fn client(&self, program: &str, user: &str, arguments: &[&str]) -> Client {
        let port = self.ports[0].to_string();
        let password = format!("token-of-{}", user.split('@').next().unwrap());
        let client_id = if user.contains('/') { user.to_owned() } else { format!("{user}/panel") };
        let common = ["-h", "127.0.0.1", "-p", &port, "-V", "5", "-u", user, "-P", &password, "-i", &client_id];
        let mut command = Command::new(find(program).unwrap());
        command.args(common).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Client(Some(command.spawn().unwrap()))
    }
}

/// A client that runs. It ends by itself, or is killed when it is dropped.
pub(crate) struct Client(Option<Child>);

impl Client {
    /// Waits for its end: whether it was a good one, and all that it said.
    pub(crate) fn ended(mut self) -> (bool, String) {
        let output = self.0.take().expect("nobody has waited yet").wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended already.
            let _ended = child.kill().and_then(|()| child.wait());
        }
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

/// A file of the example.
fn example(name: &str) -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|dir| dir.join("config/mosquitto"));
    above.find(|dir| dir.is_dir()).expect("the example lies in the workspace").join(name)
}

fn openssl(arguments: &[&str]) {
    let done = run("openssl", arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(find(program).unwrap()).args(arguments).stdin(Stdio::null()).output().unwrap()
}
