//! A stand-in for the director: the routes that managers call, with agents as
//! plain processes on loopback and volumes as directories.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

use conpaas::api::{NodeRequest, NodeView};
use conpaas::model::CertificateRole;
use conpaas::pki::{Lifetime, Subject};
use conpaas::rpc::{ClientAuthentication, Endpoint, Form, Handler, Limits, Request, Response, serve, server_config};
use conpaas::task::Tasks;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::bench::{APPLICATION, Bench, PORT, USER};

pub(crate) struct StandInDirector {
    pub(crate) bench: Arc<Bench>,
    pub(crate) endpoint: Endpoint,
    state: Mutex<Records>,
    tasks: Tasks,
}

#[derive(Default)]
struct Records {
    /// Node ids by operation.
    made: BTreeMap<String, Vec<NodeView>>,
    /// Process and root by node id.
    nodes: BTreeMap<String, (u32, PathBuf)>,
    /// Directory by volume id.
    volumes: BTreeMap<String, PathBuf>,
    volume_of_operation: BTreeMap<String, String>,
    attached: BTreeMap<String, PathBuf>,
    /// Name and size of each volume by id.
    names: BTreeMap<String, (String, u64)>,
    /// The services of kept volumes by id.
    kept: BTreeMap<String, i64>,
    credit: i64,
    /// Requests in order: route and what it was about.
    log: Vec<String>,
    /// Words with which the next calls of a route are refused.
    refusals: BTreeMap<String, String>,
    /// How many nodes of a call do not come up.
    n_missing: usize,
}

impl StandInDirector {
    pub(crate) async fn start(bench: Arc<Bench>) -> Arc<Self> {
        let listener = TcpListener::bind((bench.address(), 0)).await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("an IPv4 address") };
        let endpoint = Endpoint { host: address.ip().to_string(), port: address.port() };
        let tls = server_config(&bench.credentials(&Subject::director("stand-in")), ClientAuthentication::Optional);
        let tasks = Tasks::new();
        let state = Mutex::new(Records { credit: 50, ..Records::default() });
        let director = Arc::new(StandInDirector { bench, endpoint, state, tasks: tasks.clone() });
        let answering = Arc::downgrade(&director);
        let handler: Handler = Arc::new(move |request| {
            let director = answering.upgrade();
            Box::pin(async move {
                match director {
                    Some(director) => director.answer(request).await,
                    None => Response::refusal(503, "gone"),
                }
            })
        });
        let limits = Limits::new(std::env::temp_dir());
        let tls = Arc::new(RwLock::new(tls.unwrap()));
        tasks.spawn("stand-in", serve(listener, tls, limits, handler, tasks.tracker(), tasks.stopping()));
        director
    }

    pub(crate) fn set_credit(&self, credit: i64) {
        self.state.lock().unwrap().credit = credit;
    }

    /// Has the next calls of `route` refused.
    pub(crate) fn refuse(&self, route: &str, words: &str) {
        self.state.lock().unwrap().refusals.insert(route.to_owned(), words.to_owned());
    }

    pub(crate) fn accept_again(&self) {
        let mut state = self.state.lock().unwrap();
        state.refusals.clear();
        state.n_missing = 0;
    }

    /// Has this many nodes of each call not come up.
    pub(crate) fn lose_nodes(&self, n: usize) {
        self.state.lock().unwrap().n_missing = n;
    }

    /// Ids of the nodes that are there.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.state.lock().unwrap().nodes.keys().cloned().collect()
    }

    /// Process and root of a node.
    pub(crate) fn node(&self, id: &str) -> (u32, PathBuf) {
        self.state.lock().unwrap().nodes[id].clone()
    }

    pub(crate) fn n_volumes(&self) -> usize {
        self.state.lock().unwrap().volumes.len()
    }

    /// Names of the volumes that are kept.
    pub(crate) fn kept(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.kept.keys().map(|id| state.names[id].0.clone()).collect()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    async fn answer(&self, mut request: Request) -> Response {
        let is_manager = request.caller.identity.as_ref().is_some_and(|identity| {
            matches!(identity.role, CertificateRole::Manager | CertificateRole::Agent)
                && identity.uid() == Some(USER)
                && identity.application() == Some(APPLICATION)
        });
        if !is_manager {
            return Response::refusal(401, "no");
        }
        let form = Form::read(&mut request).await.unwrap();
        let route = request.path.clone();
        let refusal = {
            let mut state = self.state.lock().unwrap();
            let about = ["operation_id", "name", "volume_id"].iter().filter_map(|name| form.get(name));
            let line = format!("{route} {}", about.collect::<Vec<_>>().join(" "));
            state.log.push(line);
            state.refusals.get(&route).cloned()
        };
        if let Some(words) = refusal {
            return Response::application_error(&words);
        }
        match route.as_str() {
            "/credit" => Response::json_line(&json!({ "credit": self.state.lock().unwrap().credit })),
            "/create_nodes" => Response::json_line(&self.create_nodes(&form).await),
            "/remove_nodes" => Response::json_line(&self.remove_nodes(&form)),
            "/create_volume" => Response::json_line(&self.create_volume(&form)),
            "/keep_volume" => {
                let id = form.get("volume_id").unwrap().to_owned();
                self.state.lock().unwrap().kept.insert(id, form.get("service_id").unwrap().parse().unwrap());
                Response::json_line(&json!({}))
            }
            "/use_volume" => {
                self.state.lock().unwrap().kept.remove(form.get("volume_id").unwrap());
                Response::json_line(&json!({}))
            }
            "/kept_volumes" => Response::json_line(&self.kept_volumes()),
            "/attach_volume" => Response::json_line(&self.attach_volume(&form)),
            "/detach_volume" => Response::json_line(&self.detach_volume(&form)),
            "/destroy_volume" => {
                self.detach_volume(&form);
                let volume = self.state.lock().unwrap().volumes.remove(form.get("volume_id").unwrap());
                volume.into_iter().for_each(|directory| fs::remove_dir_all(directory).unwrap());
                Response::json_line(&json!({}))
            }
            "/ca/renew" => {
                let request = form.files["csr"].read(100_000).await.unwrap();
                let request = String::from_utf8(request).unwrap();
                let subject = Subject::manager(USER, APPLICATION);
                Response::text(self.bench.authority.sign_request(&request, &subject, None, Lifetime::NODE).unwrap())
            }
            _ => Response::refusal(404, "no such route"),
        }
    }

    async fn create_nodes(&self, form: &Form) -> Value {
        let operation = form.get("operation_id").unwrap().to_owned();
        let wanted: Vec<NodeRequest> = serde_json::from_str(form.get("nodes_info").unwrap()).unwrap();
        let (made, n_missing) = {
            let state = self.state.lock().unwrap();
            (state.made.get(&operation).cloned(), state.n_missing)
        };
        if let Some(made) = made {
            return json!(made);
        }
        let mut made = Vec::new();
        for request in &wanted[n_missing.min(wanted.len())..] {
            made.push(self.make_node(request, form.get("service_type").unwrap(), form.filled("startup_script")));
        }
        for node in &made {
            self.bench.await_up(node.ip.parse().unwrap()).await;
        }
        self.state.lock().unwrap().made.insert(operation, made.clone());
        json!(made)
    }

    fn make_node(&self, request: &NodeRequest, service_type: &str, startup_script: Option<&str>) -> NodeView {
        let address: Ipv4Addr = self.bench.address();
        let vmid = format!("n{}", address.octets()[3]);
        let id = format!("iaas{vmid}");
        let root = self.bench.lay_agent(&id, service_type, address, &self.endpoint);
        if let Some(script) = startup_script {
            fs::write(root.join("root/startup.sh"), script).unwrap();
        }
        let pid = self.bench.start("agent", &root, address, &[]);
        self.state.lock().unwrap().nodes.insert(id.clone(), (pid, root));
        NodeView {
            id,
            vmid,
            ip: address.to_string(),
            private_ip: address.to_string(),
            cloud_name: "iaas".into(),
            weight_backend: 100,
            role: request.role.clone(),
            volumes: vec![],
            port: Some(PORT),
        }
    }

    fn remove_nodes(&self, form: &Form) -> Value {
        let views: Vec<NodeView> = serde_json::from_str(form.get("nodes").unwrap()).unwrap();
        for view in views {
            let mut state = self.state.lock().unwrap();
            state.made.retain(|_, made| !made.iter().any(|node| node.id == view.id));
            let Some((pid, root)) = state.nodes.remove(&view.id) else { continue };
            let of_node: Vec<String> =
                state.attached.iter().filter(|(_, link)| link.starts_with(&root)).map(|(id, _)| id.clone()).collect();
            for id in of_node {
                state.attached.remove(&id);
                if !state.kept.contains_key(&id) {
                    state.volumes.remove(&id).into_iter().for_each(|directory| fs::remove_dir_all(directory).unwrap());
                }
            }
            drop(state);
            self.bench.kill(pid);
            self.bench.kill_left(&root);
        }
        json!({})
    }

    fn create_volume(&self, form: &Form) -> Value {
        let mut state = self.state.lock().unwrap();
        let operation = form.get("operation_id").unwrap().to_owned();
        if let Some(id) = state.volume_of_operation.get(&operation).cloned()
            && state.volumes.contains_key(&id)
        {
            return json!({ "volume_id": id });
        }
        let id = format!("vol-{}", state.volume_of_operation.len());
        let directory = self.bench.path(&format!("{id}-{operation}"));
        fs::create_dir(&directory).unwrap();
        state.volumes.insert(id.clone(), directory);
        let name = form.get("name").unwrap().trim_start_matches("vol-").to_owned();
        state.names.insert(id.clone(), (name, form.get("size").unwrap().parse().unwrap()));
        state.volume_of_operation.insert(operation, id.clone());
        json!({ "volume_id": id })
    }

    fn kept_volumes(&self) -> Value {
        let state = self.state.lock().unwrap();
        let view = |(id, sid): (&String, &i64)| {
            let (name, size) = &state.names[id];
            json!({ "volume_id": id, "name": name, "size": size, "cloud": "iaas", "service_id": sid })
        };
        state.kept.iter().map(view).collect()
    }

    fn attach_volume(&self, form: &Form) -> Value {
        let mut state = self.state.lock().unwrap();
        let id = form.get("volume_id").unwrap().to_owned();
        let (_, root) = state.nodes[&format!("iaas{}", form.get("vm_id").unwrap())].clone();
        let link = root.join("run/conpaas/volumes").join(form.get("device_name").unwrap());
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if fs::symlink_metadata(&link).is_err() {
            symlink(&state.volumes[&id], &link).unwrap();
        }
        state.attached.insert(id, link);
        json!({})
    }

    fn detach_volume(&self, form: &Form) -> Value {
        let link = self.state.lock().unwrap().attached.remove(form.get("volume_id").unwrap());
        link.into_iter().for_each(|link| fs::remove_file(link).unwrap());
        json!({})
    }
}

impl Drop for StandInDirector {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}
