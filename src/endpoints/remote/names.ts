import { carriesAll, type PackageFile } from '../../packages/manifest.ts'
import type { TargetDelivery } from '../endpoint.ts'
import type { Zip } from './upload.ts'

/** What the other server knows a delivery by, and what comes of its upload. */
export function namesOf(delivery: TargetDelivery, zip?: Zip): Record<string, string> {
  return {
    'idempotency-key': delivery.id,
    'package-id': delivery.package.id,
    'package-delivery': delivery.id,
    'package-lane': delivery.lane,
    'package-epoch': String(delivery.epoch),
    ...(delivery.verify === true && { 'package-verify': 'true' }),
    ...(zip?.isResumable === true && {
      ...{ 'upload-complete': '?1', 'upload-length': String(zip.bytes), 'package-tag': zip.tag },
    }),
    ...traceOf(delivery),
  }
}

export function traceOf({ traceparent }: TargetDelivery): Record<string, string> {
  return traceparent === undefined ? {} : { traceparent }
}

/** In `Package-Carries`: the far server is asked for one that has as much. */
export function carriedOf(pkg: PackageFile): string {
  return carriesAll(pkg) ? 'all' : String(pkg.carries?.files)
}
