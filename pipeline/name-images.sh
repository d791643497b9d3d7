#!/usr/bin/env bash
# name-images.sh VERSION REPOSITORY...: the images that were built from the checked-out content get the tag VERSION.
# Only a tag is added: the digests stay. Run again, it changes nothing.
set -euo pipefail

version=$1
shift
built=build-$(git rev-parse 'HEAD^{tree}')
digest_of() { # of REPOSITORY's image with TAG; empty where there is none
  aws ecr batch-get-image --repository-name "$1" --image-ids "imageTag=$2" \
    --query 'images[0].imageId.imageDigest' --output text | sed 's/^None$//'
}

for repository in "$@"; do
  digest=$(digest_of "$repository" "$built")
  if [[ -z $digest ]]; then
    echo "::error title=No image::$repository has no image $built. Was it copied from test's registry?" >&2
    exit 1
  fi
  named=$(digest_of "$repository" "$version")
  if [[ $named == "$digest" ]]; then
    echo "$repository:$version is $digest already"
    continue
  fi
  if [[ -n $named ]]; then
    echo "::error title=Taken::$repository:$version is another image, $named: a version is one image for ever" >&2
    exit 1
  fi
  manifest=$(aws ecr batch-get-image --repository-name "$repository" --image-ids "imageDigest=$digest" \
    --query 'images[0].imageManifest' --output text)
  aws ecr put-image --repository-name "$repository" --image-tag "$version" --image-digest "$digest" \
    --image-manifest "$manifest" >/dev/null
  echo "$repository:$version is now $digest"
done
