import { contentStream, unpack, type Described, type LargeContent } from './content.ts'
import { fileAccess, Window, type RandomAccess } from './random-access.ts'

/** A content where it lies in the file of a package, not yet verified: what can be sent to another thread instead of its bytes. */
export interface Packed extends Described {
  readonly name: string
  /** Where it begins. */
  readonly data: number
  readonly digest: string
}

/** So much is read at once, of contents that lie close to each other. */
const spanBytes = 2 * 1024 * 1024

/** Reads contents where they lie. In a thread. */
export class PackedContents {
  readonly #access: RandomAccess
  readonly #window: Window

  private constructor(access: RandomAccess) {
    this.#access = access
    this.#window = new Window(access, 0)
  }

  static async open(file: string): Promise<PackedContents> {
    return new PackedContents(await fileAccess(file))
  }

  /** Reads at once what lies between the first and the last of these, unless it is much: `loaded` then finds it. */
  async load(first: Packed, last: Packed): Promise<void> {
    const length = last.data + last.packed - first.data
    if (length > 0 && length <= spanBytes) await this.#window.load(first.data, length)
  }

  /** A small one that was loaded, whole and verified; valid until the next is. Throws `corrupt`. */
  loaded(content: Packed): Buffer | undefined {
    const packed = this.#window.view(content.data, content.packed)
    return packed && unpack(content, packed, content)
  }

  /** The same of any of up to a segment. */
  async small(content: Packed): Promise<Buffer> {
    return unpack(content, await this.#window.load(content.data, content.packed), content)
  }

  /** To be read before the next is asked for. */
  large(content: Packed): LargeContent {
    return contentStream(this.#access, content, content.data, content)
  }

  async close(): Promise<void> {
    await this.#access.close()
  }
}
