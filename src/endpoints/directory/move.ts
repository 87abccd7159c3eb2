/** The part of applying that changes what the target holds, and makes that durable. */
import { isWithin, parentPath, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { isAbsent, type HeldFolders } from './held-folders.ts'
import type { Placer } from './placer.ts'

/** What a manifest's entry asks for, whoever asks. */
export type Move =
  | { readonly type: 'file' | 'folder'; readonly path: ResourcePath }
  | { readonly type: 'delete'; readonly path: ResourcePath; readonly deep: boolean }

/** In the order that is given, the staged files by their numbers. */
export async function moveAll(
  placer: Placer,
  entries: AsyncIterable<Move> | Iterable<Move>,
  breath: Breath,
): Promise<void> {
  let file = 0
  for await (const entry of entries) {
    switch (entry.type) {
      case 'folder':
        placer.putFolder(entry.path)
        break
      case 'file':
        placer.putFile(String(file++), entry.path)
        break
      case 'delete':
        placer.remove(entry.path, entry.deep)
        break
    }
    if (breath.due) await breath.take()
  }
}

/** Makes the names in every changed folder durable, one by one: for where `sync -f` does not serve or is not worth it. */
export async function syncFolders(
  folders: HeldFolders,
  entries: AsyncIterable<Move> | Iterable<Move>,
  breath: Breath,
): Promise<void> {
  const chain = new Chain(folders)
  for await (const { type, path } of entries) {
    chain.sync(type === 'folder' ? path : (parentPath(path) ?? rootPath))
    if (breath.due) await breath.take()
  }
}

/** Syncs a folder and those above it, each once as long as paths come in order. */
class Chain {
  readonly #folders: HeldFolders
  readonly #done: ResourcePath[] = []

  constructor(folders: HeldFolders) {
    this.#folders = folders
  }

  sync(path: ResourcePath): void {
    for (let last = this.#done.at(-1); last !== undefined && !isWithin(path, last); last = this.#done.at(-1))
      this.#done.pop()
    if (this.#done.at(-1) === path) return
    const parent = parentPath(path)
    if (parent !== undefined) this.sync(parent)
    try {
      this.#folders.sync(path)
    } catch (error) {
      // What was deleted from is gone itself.
      if (!isAbsent(error)) throw error
    }
    this.#done.push(path)
  }
}
