// What other people see of the saved notebook: in a JupyterLab that does not trust it, in the
// page that nbconvert makes of it, and where styles and scripts are taken out.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Notebook } from "./notebook.mjs";

const UNTRUSTED = "untrusted.ipynb";

// Elements and attributes that GitHub's viewer lets through, as far as the displays use them.
const PLAIN_TAGS = ["B", "DIV", "I", "IMG", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR"];
const PLAIN_ATTRIBUTES = ["alt", "colspan", "height", "src", "width"];

/** `notebook` is open and saved as `name`; the cell whose source holds `fitText` trains. */
export async function looksTheSameElsewhere(notebook, lab, name, fitText) {
  const { page } = notebook;
  const saved = JSON.parse(await readFile(name, "utf8"));
  const source = (cell) => [cell.source].flat().join("");
  const fit = saved.cells.find((cell) => cell.cell_type === "code" && source(cell).includes(fitText));
  const [output, ...others] = fit.outputs;
  assert.deepEqual(others, [], "a fit leaves one output");
  const size = JSON.stringify(output).length;
  assert(size < 100_000, `a fit leaves ${size} bytes`);
  assert.match([output.data["text/plain"]].flat().join(""), /^Epoch 1\/5\n100\/100 ━+ /);
  const html = [output.data["text/html"]].flat().join("");
  assert.deepEqual(await page.evaluate(notPlain, [html, PLAIN_TAGS, PLAIN_ATTRIBUTES]), []);

  // Not what this Jupyter has signed.
  saved.cells[0].source = ["# Somebody else's"];
  fit.outputs[0].metadata = { changed: true };
  await writeFile(UNTRUSTED, JSON.stringify(saved));
  const untrusted = await Notebook.open(page, lab, UNTRUSTED, notebook.pictures);
  await showsTraining(untrusted.outputs(untrusted.cell(fitText)));
  await untrusted.screenshot("untrusted", untrusted.cell(fitText));

  await promisify(execFile)("jupyter", ["nbconvert", "--to", "html", name]);
  // Its page asks for libraries that it does not need for this.
  await page.route(/^https?:/, (route) => route.abort());
  const converted = pathToFileURL(path.resolve(name.replace(".ipynb", ".html")));
  await page.goto(converted.href);
  const cell = page.locator(".jp-CodeCell").filter({ hasText: fitText });
  await showsTraining(cell.locator(".jp-OutputArea-output"));
  await untrusted.screenshot("nbconvert", cell);
}

/** Waits until an output shows the table of five epochs and their curves. */
async function showsTraining(output) {
  await output.locator("tbody tr").nth(4).waitFor();
  const picture = output.locator("img");
  await picture.waitFor();
  const width = await picture.evaluate(async (image) => {
    await image.decode();
    return image.naturalWidth;
  });
  assert(width > 0, "the picture of the curves is shown");
  assert.match(await output.innerText(), /5 epochs in .* samples\/s/);
}

/** Runs in the page: what of some HTML is neither a plain element nor a plain attribute. */
function notPlain([html, tags, attributes]) {
  const elements = new DOMParser().parseFromString(html, "text/html").body.querySelectorAll("*");
  return [...elements].flatMap((element) => [
    ...(tags.includes(element.tagName) ? [] : [element.tagName]),
    ...element.getAttributeNames().filter((attribute) => !attributes.includes(attribute)),
  ]);
}
