// Taking files that the auditor chooses or drops: a file, or a folder with all that is in it.

/** Calls `chosen` with what is dropped on `zone`: a file, or a handle or an entry of a folder. */
export function acceptDrops(zone, chosen) {
  const over = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.addEventListener("dragenter", over);
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const item = [...event.dataTransfer.items].find(({ kind }) => kind === "file");
    if (item === undefined) return;
    // All of it has to be asked for before this event is over.
    const [file, entry, handle] = [item.getAsFile(), item.webkitGetAsEntry?.(), item.getAsFileSystemHandle?.()];
    chosen({ file, folder: await folderIn(entry, handle) });
  });
}

/** Handles are asked first: Chromium reads no entries for a page that was opened from a file. */
async function folderIn(entry, promised) {
  const handle = (await promised) ?? null;
  if (handle !== null) return handle.kind === "directory" ? handle : null;
  return entry?.isDirectory ? entry : null;
}

/** A file that misses its zone would be opened in place of this page. */
export function ignoreOtherDrops() {
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => event.preventDefault());
  }
}

/** A folder from a dialog: what stands before the first `/` is its own name. */
export function folderOf(files) {
  const all = [...files];
  const inside = all.map((file) => {
    const path = file.webkitRelativePath;
    return { path: path.slice(path.indexOf("/") + 1), file };
  });
  const name = all[0]?.webkitRelativePath.split("/")[0] ?? "";
  return { name, files: inside, emptyFolders: [] };
}

/** A folder that was dropped. */
export async function folderDropped(dropped) {
  const folder = { name: dropped.name, files: [], emptyFolders: [] };
  await walk(dropped, "", folder);
  return folder;
}

async function walk(folder, prefix, found) {
  const inside = folder.createReader ? await entriesOf(folder) : await Array.fromAsync(folder.values());
  if (inside.length === 0 && prefix !== "") found.emptyFolders.push(prefix.slice(0, -1));
  for (const one of inside) {
    const path = prefix + one.name;
    if (one.kind === "directory" || one.isDirectory) await walk(one, `${path}/`, found);
    else found.files.push({ path, file: await fileOf(one) });
  }
}

const fileOf = (one) => (one.getFile ? one.getFile() : new Promise((resolve, reject) => one.file(resolve, reject)));

/** A folder's entries come in batches, the last of which is empty. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return all;
    all.push(...batch);
  }
}
