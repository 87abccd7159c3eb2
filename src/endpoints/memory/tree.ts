import { parentPath, childPath, comparePaths, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Receipt } from '../endpoint.ts'

type Folder = Map<string, Node>
type Node = Folder | Uint8Array

/** What a delivery needs to remember of its lane. */
export interface MemoryLane {
  epoch: number
  /** By delivery, in the order in which they were applied. */
  readonly receipts: Map<string, Receipt>
}

/** A tree of folders and contents in memory. Contents must not be modified once they are in it. */
export class MemoryTree {
  readonly #root: Folder = new Map()
  readonly #lanes = new Map<string, MemoryLane>()

  /** The bytes at the path, `folder`, or undefined when there is nothing. */
  get(path: ResourcePath): Uint8Array | 'folder' | undefined {
    const node = this.#find(path)
    return node instanceof Map ? 'folder' : node
  }

  /** Makes the folder and those above it; contents in the way are replaced. */
  putFolder(path: ResourcePath): void {
    this.#folder(path)
  }

  /** `path` is not the root. What was there, also a folder, is replaced. */
  put(path: ResourcePath, content: Uint8Array): void {
    const parent = parentPath(path)
    if (parent === undefined) throw new Error('the root of a tree has no content')
    this.#folder(parent).set(nameOf(path), content)
  }

  /** Without `deep`, a folder that holds others stays. The root stays always. */
  remove(path: ResourcePath, deep: boolean): void {
    const parent = parentPath(path)
    const node = this.#find(path)
    if (node === undefined || (!deep && node instanceof Map && node.size > 0)) return
    if (parent === undefined) this.#root.clear()
    else this.#folder(parent).delete(nameOf(path))
  }

  /** The resource at the path and, with `deep`, all below it, in path order; nothing when there is nothing. */
  *walk(path: ResourcePath, deep: boolean): Generator<{ path: ResourcePath; content?: Uint8Array }, void, void> {
    const node = this.#find(path)
    if (node === undefined) return
    const waiting: [ResourcePath, Node][] = [[path, node]]
    for (let top = waiting.pop(); top !== undefined; top = waiting.pop()) {
      const [at, found] = top
      if (!(found instanceof Map)) yield { path: at, content: found }
      else {
        yield { path: at }
        if (!deep) return
        const children = [...found].map(([name, child]): [ResourcePath, Node] => [childPath(at, name), child])
        waiting.push(...children.toSorted(([a], [b]) => comparePaths(b, a)))
      }
    }
  }

  lane(id: string): MemoryLane {
    let lane = this.#lanes.get(id)
    if (lane === undefined) this.#lanes.set(id, (lane = { epoch: 0, receipts: new Map() }))
    return lane
  }

  #find(path: ResourcePath): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of segmentsOf(path)) node = node instanceof Map ? node.get(name) : undefined
    return node
  }

  #folder(path: ResourcePath): Folder {
    let folder = this.#root
    for (const name of segmentsOf(path)) {
      const child = folder.get(name)
      if (child instanceof Map) folder = child
      else {
        const made: Folder = new Map()
        folder.set(name, made)
        folder = made
      }
    }
    return folder
  }
}

function nameOf(path: ResourcePath): string {
  return segmentsOf(path).at(-1) ?? rootPath
}

const trees = new Map<string, MemoryTree>()

/** The tree of that name, made when there is none. All endpoints of the kind `memory` in the process share it. */
export function memoryTree(name: string): MemoryTree {
  let tree = trees.get(name)
  if (tree === undefined) trees.set(name, (tree = new MemoryTree()))
  return tree
}

export function hasMemoryTree(name: string): boolean {
  return trees.has(name)
}

/** Forgets the tree of that name, with its receipts. */
export function forgetMemoryTree(name: string): void {
  trees.delete(name)
}
