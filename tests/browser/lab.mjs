// A JupyterLab of the test's own and a browser on it. Both have new folders for all they keep,
// and both are gone when `withLab` returns or fails.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

// Milliseconds. Only a hang lasts this long; nothing here measures time.
const PATIENCE = 300_000;

const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Serves a folder, and calls `use` with a page of the browser and the address of JupyterLab. */
export async function withLab(folder, use) {
  const lab = await startLab(folder);
  try {
    const browser = await startBrowser();
    try {
      await use(browser.pages()[0] ?? (await browser.newPage()), lab.url);
    } finally {
      await browser.close();
    }
  } catch (error) {
    console.error(`JupyterLab said:\n${lab.log()}`);
    throw error;
  } finally {
    await lab.stop();
  }
}

/** Starts JupyterLab on a free port with a token; resolves once it says where it is. */
async function startLab(folder) {
  // The notebook is shown as a whole: what is above a cell does not change its place.
  await store("notebook-extension/tracker", { windowingMode: "none" });
  // Completions that come later than this are dropped: after a second, without this line.
  await store("completer-extension/manager", { providerTimeout: PATIENCE });
  await store("apputils-extension/notification", { fetchNews: "false", checkForUpdates: false });
  const server = spawn(
    "jupyter",
    ["lab", "--no-browser", "--allow-root", "--port=0", `--ServerApp.root_dir=${folder}`],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  const ended = new Promise((resolve) => server.on("exit", resolve));
  // Kernels, too, end with it.
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
  };
  const url = new Promise((resolve, reject) => {
    server.stderr.on("data", (text) => {
      log += text;
      const match = log.match(/http:\/\/127\.0\.0\.1:\d+\/lab\?token=\w+/);
      if (match) resolve(new URL(match[0]));
    });
    server.on("error", reject);
    ended.then((code) => reject(new Error(`jupyter lab ended with ${code}:\n${log}`)));
  });
  return { url: await url, log: () => log, stop };
}

/** Stores settings of a plugin of JupyterLab as its settings editor would. */
async function store(plugin, settings) {
  const [extension, name] = plugin.split("/");
  const folder = path.join(
    process.env.JUPYTER_CONFIG_DIR,
    "lab/user-settings/@jupyterlab",
    extension,
  );
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, `${name}.jupyterlab-settings`), JSON.stringify(settings));
}

/** Starts Chromium with a profile of its own. */
async function startBrowser() {
  const profile = await mkdtemp(path.join(process.env.HOME, "chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.TORCHBOOK_CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 1000 },
    args: CHROMIUM_ARGUMENTS,
  });
  browser.setDefaultTimeout(PATIENCE);
  return browser;
}
