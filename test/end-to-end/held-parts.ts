/** Loaded into a server before its own modules: it writes two packages of a tree and no third, as if the source took its time. */
import { PackageStore } from '../../src/packages/store.ts'

const { write, writeParts } = PackageStore.prototype
const ever = new Promise<never>(() => undefined)

PackageStore.prototype.writeParts = async function* (...given) {
  let written = 0
  for await (const made of writeParts.apply(this, given)) {
    if (++written > 2) await ever
    yield made
  }
}

/** Small trees are written so: one package after the other. */
let small = 0
PackageStore.prototype.write = async function (...given) {
  if (++small > 2) await ever
  return write.apply(this, given)
}
