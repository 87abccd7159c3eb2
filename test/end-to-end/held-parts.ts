/** Loaded into a server before its own modules: it writes two packages and no third, as if the source took its time. */
import { PackageStore } from '../../src/packages/store.ts'

const { writeParts } = PackageStore.prototype
PackageStore.prototype.writeParts = async function* (...given) {
  let written = 0
  for await (const made of writeParts.apply(this, given)) {
    if (++written > 2) await new Promise(() => undefined)
    yield made
  }
}
