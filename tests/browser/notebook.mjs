// What a person does with an open notebook, and what a person sees of it. Each step waits for
// what the page shows; none waits for a time.

import path from "node:path";

export class Notebook {
  /** `pictures` have been taken before. */
  constructor(page, pictures = 0) {
    this.page = page;
    this.pictures = pictures;
  }

  /** Opens a notebook and waits until its kernel has answered. */
  static async open(page, lab, name, pictures) {
    await page.goto(`${lab.origin}/lab/tree/${name}${lab.search}&reset`);
    const notebook = new Notebook(page, pictures);
    await notebook.lastCell().waitFor();
    await page.locator("#jp-main-statusbar", { hasText: "Rust (torchbook) | Idle" }).waitFor();
    return notebook;
  }

  /** Takes a screenshot with a cell in view; they are numbered in order. */
  async screenshot(name, cell) {
    if (cell) await cell.evaluate((element) => element.scrollIntoView({ block: "center" }));
    this.pictures += 1;
    const file = `${String(this.pictures).padStart(2, "0")}-${name}.png`;
    await this.page.screenshot({ path: path.join(process.env.TORCHBOOK_SCREENSHOTS, file) });
  }

  /** Waits until the kernel has nothing to do. */
  async idle() {
    await this.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor();
  }

  /** The code cell whose source holds a text. */
  cell(text) {
    return this.page.locator(".jp-Notebook .jp-CodeCell").filter({
      has: this.page.locator(".jp-Editor", { hasText: text }),
    });
  }

  /** The last cell, in which a person tries things. */
  lastCell() {
    return this.page.locator(".jp-Notebook .jp-CodeCell").last();
  }

  /** Clicks into a cell and writes a new source. */
  async write(cell, source) {
    await cell.locator(".cm-content").click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.press("Delete");
    if (source) await this.page.keyboard.insertText(source);
  }

  /** Clicks into a cell and runs it to its end. */
  async run(cell) {
    await cell.locator(".cm-content").click();
    await this.page.keyboard.press("Control+Enter");
    await this.ran(cell);
  }

  /** Waits until a cell has run and the kernel is idle. */
  async ran(cell) {
    await cell.locator(".jp-InputPrompt", { hasText: /\[\d+\]/ }).waitFor();
    await this.idle();
  }

  /** Clicks through menus to an entry. */
  async menu(menu, ...entries) {
    await this.page.locator(".lm-MenuBar-item", { hasText: new RegExp(`^${menu}$`) }).click();
    for (const entry of entries) {
      await this.page
        .locator(".lm-Menu-item", { has: this.page.getByText(entry, { exact: true }) })
        .click();
    }
  }

  /** Chooses the theme `Dark` or `Light`. */
  async theme(name) {
    await this.menu("Settings", "Theme", `JupyterLab ${name}`);
    // The body itself has no size, and so counts as hidden.
    const body = this.page.locator(`body[data-jp-theme-name="JupyterLab ${name}"]`);
    await body.waitFor({ state: "attached" });
  }

  /** Clicks a button of the notebook's toolbar. */
  async toolbar(command) {
    await this.page.locator(`.jp-Toolbar [data-command="${command}"]`).click();
  }

  /** Confirms what JupyterLab asks. */
  async accept() {
    await this.page.locator(".jp-Dialog .jp-mod-accept").click();
  }

  /** Saves the notebook, and waits until it is. */
  async save() {
    await this.toolbar("docmanager:save");
    await this.page.locator(".jp-mod-current.jp-mod-dirty").waitFor({ state: "detached" });
  }

  /** The outputs of a cell. */
  outputs(cell) {
    return cell.locator(".jp-OutputArea-output");
  }

  /** Waits until a cell shows a text, even if only for the time between two pictures. */
  async shows(cell, text) {
    const look = ([element, text]) => text.test(element.textContent);
    await this.page.waitForFunction(look, [await cell.elementHandle(), text], { polling: "raf" });
  }

  /** Waits until an element has a text. */
  async reads(locator, text) {
    await locator.filter({ hasText: text }).first().waitFor();
  }

  /** Writes down each state that an output goes through from now on: its text and its height. */
  async watch(output) {
    return output.evaluateHandle((element) => {
      const states = [];
      const look = () => states.push({ text: element.innerText, height: element.offsetHeight });
      new MutationObserver(look).observe(element, { childList: true, subtree: true });
      look();
      return states;
    });
  }
}
