<?php
// Puts uploads into shared storage, where the service has some at /srv/uploads; nginx.hook serves them from there.

add_filter('upload_dir', function ($place) {
    $shared = '/srv/uploads';
    if (!is_dir($shared) || !is_writable($shared)) {
        return $place;
    }
    $place['basedir'] = $shared;
    $place['path'] = $shared . $place['subdir'];
    $place['baseurl'] = content_url('uploads');
    $place['url'] = $place['baseurl'] . $place['subdir'];
    return $place;
});
