import { isWithin, rootPath, type ResourcePath } from '../../resources/path.ts'

/** How long after its end a read is remembered: what is told of it may come late. */
const lingerMs = 10_000
const mostReads = 1000

interface Read {
  readonly paths: readonly ResourcePath[]
  /** The commands whose packages are still to be made. */
  readonly commands: Set<string>
  until: number
}

/**
 * The exports that a watch has asked for and that may be reading now. What they find in a folder is at the targets afterwards, also when
 * it came after the folder was told, and went before it was told itself.
 */
export class Reads {
  #reads: Read[] = []

  /** From now on these paths may be read. Answers whom to tell of the commands that are to do it. */
  begin(paths: readonly ResourcePath[]): { by(command: string): void; end(): void } {
    const read: Read = { paths, commands: new Set(), until: Infinity }
    let accepting = true
    this.#reads = [...this.#reads.filter(({ until }) => until > Date.now()), read].slice(-mostReads)
    return {
      by: (command) => void read.commands.add(command),
      end: () => {
        if (accepting && read.commands.size === 0) read.until = Date.now() + lingerMs
        accepting = false
      },
    }
  }

  /** The package of that command is made, or never will be. */
  ended(command: string): void {
    for (const read of this.#reads)
      if (read.commands.delete(command) && read.commands.size === 0) read.until = Date.now() + lingerMs
  }

  /** The path, or of the root anything in it. */
  mayFind(path: ResourcePath): boolean {
    return this.#reads.some(
      ({ paths, until }) => until > Date.now() && (path === rootPath || paths.some((one) => isWithin(path, one))),
    )
  }
}
