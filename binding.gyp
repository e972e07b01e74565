{
  # For hosts without CMake: the same sources and the same flags that matter; a test compares them.
  "targets": [{
    "target_name": "ultrabalancer_l4",
    "sources": ["<!@(cat native/sources.txt native/addon_sources.txt)"],
    "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "_GNU_SOURCE"],
    "cflags": ["-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti"],
    "ldflags": ["-pthread"]
  }]
}
