/** Loaded into a server before its own modules: it writes two packages and no third, as if the source took its time. */
import { PackageStore } from '../../src/packages/store.ts'

const { write } = PackageStore.prototype
let written = 0
PackageStore.prototype.write = async function (...given) {
  if (++written > 2) await new Promise(() => undefined)
  return write.apply(this, given)
}
