"""Words of the glTF 2.0 format, and what of a file is not shown as its author meant it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Header = dict[str, Any]
COMPONENT_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6
DRACO = "KHR_draco_mesh_compression"
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
# Textures in Basis Universal; the last two are older names, of files made before it was ratified.
BASIS = ("KHR_texture_basisu", "KHR_texture_ktx", "GOOGLE_texture_basis")
_SPECULAR = "KHR_materials_pbrSpecularGlossiness"
# What is read, and what changes neither where surfaces are nor what colour they are of.
_READ = {
    DRACO,
    *MESHOPT,
    *BASIS,
    _SPECULAR,
    "EXT_mesh_gpu_instancing",
    "EXT_texture_webp",
    "EXT_texture_avif",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
}
_HARMLESS = ("KHR_materials_", "KHR_lights_", "KHR_xmp", "KHR_animation_", "KHR_physics_", "EXT_lights_")


def base_texture(header: Header, primitive: dict[str, Any]) -> dict[str, Any]:
    """Entry of a primitive's material for its base colour texture; {} if it has none."""
    if "material" not in primitive:
        return {}
    material = header["materials"][primitive["material"]]
    old = material.get("extensions", {}).get(_SPECULAR, {}).get("diffuseTexture")
    return old or material.get("pbrMetallicRoughness", {}).get("baseColorTexture") or {}


def compression_of(header: Header) -> str | None:
    """The compression without which there is no geometry, if there is one; a fallback in the file is none."""
    required = header.get("extensionsRequired", ())
    accessors, buffers = header.get("accessors", ()), header.get("buffers", ())
    for primitive in _primitives(header):
        used = DRACO in primitive.get("extensions", {})
        indices = [
            *primitive["attributes"].values(),
            *([primitive["indices"]] if "indices" in primitive else []),
        ]
        if used and any("bufferView" not in accessors[index] for index in indices):
            return DRACO
    for view in header.get("bufferViews", ()):
        for name in MESHOPT:
            fallback = buffers[view["buffer"]]
            told = any(key in fallback.get("extensions", {}) for key in MESHOPT)
            if name in view.get("extensions", {}) and told and "uri" not in fallback:
                return name
    return next((name for name in (DRACO, *MESHOPT) if name in required), None)


def unknown_extensions(header: Header, key: str) -> list[str]:
    """Names in `extensionsUsed` or `extensionsRequired` that nobody here has heard of."""
    return [name for name in header.get(key, ()) if name not in _READ and not name.startswith(_HARMLESS)]


def not_shown(header: Header) -> Iterator[str]:
    """Remarks, for people, on parts of a file that are left out or shown otherwise than its author meant."""
    unknown = unknown_extensions(header, "extensionsUsed")
    if unknown:
        yield f"what {', '.join(unknown)} says is left out"
    modes = [primitive.get("mode", TRIANGLES) for primitive in _primitives(header)]
    loose = sum(mode not in (TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN) for mode in modes)
    if loose:
        yield f"{loose} of {len(modes)} parts are points or lines, which are left out"
    if any("skin" in node and "mesh" in node for node in header.get("nodes", ())):
        yield "skinned parts are shown as they are modelled, not in their pose"
    holders = [*header.get("nodes", ()), *header.get("meshes", ())]
    if any(any(holder.get("weights", ())) for holder in holders):
        yield "morph targets are left out"
    materials = header.get("materials", ())
    clear = sum(material.get("alphaMode", "OPAQUE") != "OPAQUE" for material in materials)
    if clear:
        yield f"{clear} of {len(materials)} materials are see-through and are taken to be solid"
    glowing = sum(_is_only_glowing(material) for material in materials)
    if glowing:
        yield f"{glowing} of {len(materials)} materials have an emissive texture only, which is not shown"
    scenes = header.get("scenes", ())
    if len(scenes) > 1:
        yield f"it has {len(scenes)} scenes, of which number {header.get('scene', 0)} is shown"


def _is_only_glowing(material: dict[str, Any]) -> bool:
    plain = material.get("pbrMetallicRoughness", {})
    return "emissiveTexture" in material and "baseColorTexture" not in plain


def _primitives(header: Header) -> list[dict[str, Any]]:
    return [primitive for mesh in header.get("meshes", ()) for primitive in mesh["primitives"]]
